/**
 * Loads definitions. The one place that teaches Node TypeScript: executors, the CLI and tests all come through here, since Nx's
 * own hook no longer applies to what a batch executor loads late.
 */
import * as path from 'node:path';
import { StackError, type Unit, gathering, isUnit } from '@stack/model';
import { type UnitFolder, findUnits } from './units';

let registered = false;

/** Jest brings a transformer of its own. (Its environment variables won't do: a command that a spec starts has them too.) */
const underJest = 'expect' in globalThis;

/** Lets `require` read TypeScript, as CommonJS. */
function registerTypeScript(): void {
  if (registered || underJest) return;
  registered = true;
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- heavy, and not wanted under Jest
  const { register } = require('@swc-node/register/register') as { register(options: object): void };
  register({ module: 1 /* CommonJS */, target: 9 /* ES2022 */, esModuleInterop: true, sourceMap: true });
}

/** A package of this workspace, from its TypeScript: for what is loaded only when it is wanted. */
export function requireTypeScript<T>(name: string): T {
  registerTypeScript();
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the name is only known now
  return require(name) as T;
}

export class Loader {
  readonly folders: ReadonlyMap<string, UnitFolder>;
  private readonly loaded = new Map<string, Unit>();

  constructor(readonly workspace: string) {
    this.folders = new Map(findUnits(workspace).map((unit) => [unit.name, unit]));
  }

  folder(name: string): UnitFolder {
    const folder = this.folders.get(name);
    if (folder) return folder;
    throw new StackError(
      'UNKNOWN_UNIT',
      `there is no unit called ${name}`,
      `choose one of ${[...this.folders.keys()].sort().join(', ')}`,
    );
  }

  /** @throws StackError when the unit isn't there or its definition is wrong. */
  unit(name: string): Unit {
    const known = this.loaded.get(name);
    if (known) return known;
    const { file } = this.folder(name);
    registerTypeScript();
    const exported = this.load(file);
    const units = Object.values(exported).filter(isUnit);
    if (units.length !== 1)
      throw new StackError(
        'DEFINITION_INVALID',
        `${file} exports ${units.length} definitions instead of one`,
        'export the result of one defineService, defineModule or defineJob',
      );
    if (units[0].name !== name)
      throw new StackError(
        'DEFINITION_INVALID',
        `${file}: name: the definition is called ${units[0].name}, its package.json says ${name}`,
        'give both the same name',
      );
    const [unit] = units;
    // Known before the others are read: one of them may gather, too.
    this.loaded.set(name, unit);
    const whole =
      unit.kind === 'service' && unit.gathers ? gathering(unit, [unit, ...this.others(name)]) : unit;
    this.loaded.set(name, whole);
    return whole;
  }

  private others(name: string): Unit[] {
    return [...this.folders.keys()].filter((other) => other !== name).map((other) => this.unit(other));
  }

  private load(file: string): Record<string, unknown> {
    try {
      // eslint-disable-next-line @typescript-eslint/no-require-imports -- the path is only known now
      return require(path.join(this.workspace, file)) as Record<string, unknown>;
    } catch (error) {
      if (error instanceof StackError || !(error instanceof Error)) throw error;
      // The compiler's message ends with its own stack trace.
      const [said] = error.message.split(/^(?:Caused by|Stack backtrace):/m);
      const lines = said.split('\n').filter((line) => line.trim());
      throw new StackError('DEFINITION_INVALID', `${file} can't be loaded`, 'mend the file', lines);
    }
  }

  all(): Unit[] {
    return [...this.folders.keys()].map((name) => this.unit(name));
  }
}
