/** Where a stack keeps its state. */
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import * as path from 'node:path';
import { StackError } from '@stack/model';

export interface StackPaths {
  readonly name: string;
  readonly workspace: string;
  /** `.stack/<name>`. */
  readonly dir: string;
  readonly run: string;
  readonly socket: string;
  readonly logs: string;
  readonly data: string;
  readonly secrets: string;
  readonly registry: string;
  readonly failures: string;
  readonly ports: string;
  /** Where the user's own files are: `data` of the checkout (`data/<stack>`), or `<stack>.files` in STACK_HOME. */
  readonly files: string;
  /** Where the user drops files: INBOX_DIR, else `inbox` below `files`. */
  readonly inbox: string;
}

/** The folder at or above `from` that holds nx.json. */
export function findWorkspace(from = __dirname): string {
  for (let folder = from; ; folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'nx.json'))) return folder;
    if (folder === path.dirname(folder))
      throw new StackError('NO_WORKSPACE', `no nx.json at or above ${from}`, 'run this inside the checkout');
  }
}

/**
 * The stack that the environment names: STACK (default `local`), below STACK_HOME (default `.stack` in the workspace).
 * @throws StackError when the name can't be a folder and a host name.
 */
export function stackPaths(workspace = findWorkspace(), env: NodeJS.ProcessEnv = process.env): StackPaths {
  const name = env.STACK || 'local';
  if (!/^[a-z][a-z0-9-]{0,29}$/.test(name))
    throw new StackError(
      'BAD_STACK_NAME',
      `STACK=${name} is no name for a stack`,
      'use lower-case letters, digits and dashes, at most 30, starting with a letter',
    );
  const dir = path.join(path.resolve(workspace, env.STACK_HOME || '.stack'), name);
  const at = (part: string) => path.join(dir, part);
  const files = filesOf(workspace, name, dir);
  return {
    name,
    workspace,
    dir,
    run: at('run'),
    socket: at('run/supervisor.sock'),
    logs: at('logs'),
    data: at('data'),
    secrets: at('secrets'),
    registry: at('registry'),
    failures: at('failures'),
    ports: at('ports.json'),
    files,
    inbox: env.INBOX_DIR ? path.resolve(workspace, env.INBOX_DIR) : path.join(files, 'inbox'),
  };
}

/**
 * Each stack has its own: files of one client mustn't land in another's warehouse. One that lives elsewhere has them there, beside
 * its own folder, which a reset deletes.
 */
function filesOf(workspace: string, name: string, dir: string): string {
  if (!dir.startsWith(workspace + path.sep)) return `${dir}.files`;
  return path.join(workspace, 'data', ...(name === 'local' ? [] : [name]));
}

/** The text with its `make …` commands meant for this stack, as they have to be typed. */
export const forStack = (text: string, stack: string = process.env.STACK || 'local'): string =>
  stack === 'local'
    ? text
    : text.replace(
        /\bmake (?!STACK=)(?=(-s )?(deploy|down|reset|pipeline|status|secret|logs|rollback|move)\b)/g,
        `make STACK=${stack} `,
      );

/** Makes the state folder; others may pass through it (a service may run as another user) but not look into it. */
export function makeStackDir(stack: StackPaths): void {
  for (const folder of [stack.dir, stack.run, stack.logs, stack.data, stack.registry])
    mkdirSync(folder, { recursive: true, mode: 0o711 });
  mkdirSync(stack.secrets, { recursive: true, mode: 0o700 });
  for (const folder of [path.dirname(stack.dir), stack.dir, stack.data]) chmodSync(folder, 0o711);
}
