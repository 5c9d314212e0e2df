import { adapters } from './adapters';
import { Events, Watcher } from './stack/events';
import { Units } from './stack/units';
import { type Settings } from './settings';
import { Toolbox, isHere } from './toolbox';

/** What every way in has in common: the tools, the stack, and what happens in it. */
export interface Core {
  readonly toolbox: Toolbox;
  readonly units: Units;
  readonly events: Events;
  readonly watcher: Watcher;
}

export function createCore(
  settings: Pick<Settings, 'stack' | 'registryFile' | 'socket' | 'watchMs'>,
  env: NodeJS.ProcessEnv,
): Core {
  const { stack, registryFile, socket, watchMs } = settings;
  const units = new Units({
    stack,
    registryFile,
    socket,
    names: Object.keys(adapters).filter((unit) => isHere(unit, env)),
  });
  const toolbox = new Toolbox(adapters, env, units);
  const events = new Events();
  const watched = toolbox.watches.map(({ unit, watch }) => ({
    unit,
    watch,
    look: () => watch.look(toolbox.context(unit, { signal: AbortSignal.timeout(30_000) })),
  }));
  return { toolbox, units, events, watcher: new Watcher(watched, events, watchMs) };
}

/** Version of this server, as clients are told. */
export const VERSION = '0.1.0';
