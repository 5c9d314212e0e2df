/** What a definition's functions may ask of the native runtime: the implementation of the model's PlanContext. */
import { mkdirSync } from 'node:fs';
import * as path from 'node:path';
import {
  type PlanContext,
  type Resolver,
  type RunOptions,
  type Service,
  StackError,
  type Unit,
  type Value,
  resolve,
} from '@stack/model';
import { writeIfChanged } from '../files';
import type { Loader } from '../loader';
import type { StackPaths } from '../stack';
import { baseEnvironment, findExecutable } from './executables';
import type { Ports } from './ports';
import { volumeDir } from './resolver';
import { ensureSecret, readSecret } from './secrets';

export interface ContextParts {
  readonly stack: StackPaths;
  readonly loader: Loader;
  readonly ports: Ports;
  readonly resolver: Resolver;
  /** What references are in a container, where the unit is one. */
  readonly values?: { of(value: Value): { readonly text: string } };
  /** Default: native. */
  readonly runtime?: 'native' | 'docker';
  progress(message: string): void;
}

export function planContext(
  unit: Unit,
  { stack, loader, ports, resolver, values, runtime = 'native', progress }: ContextParts,
): PlanContext {
  const own = <K extends 'ports' | 'secrets' | 'volumes'>(kind: K, name: string) => {
    const found = unit.kind === 'service' ? unit[kind][name] : undefined;
    if (found !== undefined) return found;
    throw new StackError(
      'UNKNOWN_REFERENCE',
      `${unit.file}: ${unit.name} has no ${kind}.${name}`,
      `define it in ${unit.file}`,
    );
  };
  return {
    unit: unit.name,
    stack: {
      name: stack.name,
      dir: stack.dir,
      workspace: stack.workspace,
      socket: stack.socket,
      runtime,
    },
    get env() {
      return Object.fromEntries(
        Object.entries(unit.env).map(([key, value]) => [key, resolve(value, resolver)]),
      );
    },
    dist: path.join(stack.workspace, 'dist', loader.folder(unit.name).root),
    port: (name) => ports.number(unit.name, name, (own('ports', name) as { number: number }).number),
    secret: (name) => readSecret(stack, unit.name, name, own('secrets', name) as never),
    secretFile: (name) => ensureSecret(stack, unit.name, name, own('secrets', name) as never),
    volume: (name) => {
      own('volumes', name);
      const dir = volumeDir(stack, unit as Service, name);
      mkdirSync(dir, { recursive: true });
      return dir;
    },
    resolve: (value) => resolve(value, resolver),
    inside: (value) => (values ? values.of(value).text : resolve(value, resolver)),
    executable: (name) => findExecutable(stack.workspace, name),
    run: (command, args, options) => run(stack.workspace, command, args, options),
    write: (file, content, mode) => {
      writeIfChanged(file, content, mode);
      return file;
    },
    progress,
  };
}

/** Lines of a failed command's output that the error shows. */
const SHOWN = 20;

async function run(
  workspace: string,
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { execa } = await import('execa');
  const result = await execa(command, args, {
    cwd: options.cwd ?? workspace,
    env: { ...baseEnvironment(workspace), ...options.env },
    extendEnv: false,
    uid: options.uid,
    gid: options.gid,
    input: options.input,
    all: true,
    reject: false,
  });
  if (!result.failed) return String(result.stdout);
  const lines = String(result.all ?? '')
    .split('\n')
    .filter((line) => line.trim());
  const how = result.exitCode === undefined ? result.shortMessage : `exit status ${result.exitCode}`;
  throw new StackError(
    'COMMAND_FAILED',
    `${options.what ?? `${command} ${args.join(' ')}`} failed: ${how}`,
    undefined,
    lines.slice(-SHOWN),
  );
}
