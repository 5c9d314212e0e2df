/** `stack mcp install <client>`: tells a client of this stack's server, after showing what changes in its file. */
import { existsSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { StackError } from '@stack/model';
import { type StackPaths, readEntry, stackPaths, withSecrets, writeIfChanged } from '@stack/runtime';
import { createTwoFilesPatch } from 'diff';
import { type ParseError, applyEdits, modify, parse, printParseErrorCode } from 'jsonc-parser';
import { agrees } from '../ask';
import { CLIENTS } from './clients';

export interface InstallOptions {
  /** It may change things too. */
  readonly operate?: boolean;
  /** Don't ask. */
  readonly yes?: boolean;
  /** Only show what would change. */
  readonly print?: boolean;
}

export async function install(client: string, options: InstallOptions): Promise<void> {
  const found = CLIENTS[client];
  if (!found)
    throw new StackError(
      'UNKNOWN_CLIENT',
      `there is no client called ${client}`,
      `choose one of ${Object.keys(CLIENTS).join(', ')}`,
    );
  const stack = stackPaths();
  const file = found.file(process.env.INIT_CWD || process.cwd());
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const name = stack.name === 'local' ? 'stack' : `stack-${stack.name}`;
  const entry = { ...(found.typed && { type: 'stdio' }), ...commandOf(stack, options) };
  const after = withEntry(file, before, [found.key, name], entry);
  if (after === before) {
    console.log(`✔ ${found.title} has it already: ${file}`);
    return;
  }
  console.log(createTwoFilesPatch(file, file, before, after, 'as it is', 'as it would be'));
  if (options.print) return;
  const agreed =
    options.yes ||
    (await agrees(`Write ${file}? [y/N] `, {
      what: `${file} would be changed`,
      remedy: `make mcp-install CLIENT=${client} YES=1`,
    }));
  if (!agreed) {
    console.log('left as it was');
    return;
  }
  writeIfChanged(file, after);
  console.log(`✔ ${found.title} has the server ${name} → start it anew, or reload its servers`);
}

/** How a client starts the server: beside the stack, or in its container. */
function commandOf(stack: StackPaths, { operate }: InstallOptions): { command: string; args: string[] } {
  const entry = readEntry(stack, 'mcp-server');
  if (!entry) throw new StackError('NOT_DEPLOYED', "mcp-server isn't deployed", 'make deploy-local');
  const more = operate ? ['--operate'] : [];
  if (entry.runtime === 'docker') {
    const [container] = entry.processes;
    return {
      command: 'docker',
      args: ['exec', '-i', container, ...withSecrets(['node', '/app/main.cjs', '--stdio', ...more])],
    };
  }
  return {
    // A client that was started from a menu has no PATH that leads to this one.
    command: process.execPath,
    args: [
      path.join(stack.workspace, 'dist', 'apps', 'mcp-server', 'main.cjs'),
      '--stdio',
      '--environment',
      path.join(stack.data, 'mcp-server', 'config', 'environment.json'),
      ...more,
    ],
  };
}

/**
 * The file's text with the entry in it; comments and the order of everything else stay.
 * @throws StackError when it isn't JSON: it is left alone
 */
export function withEntry(file: string, text: string, at: string[], entry: object): string {
  const errors: ParseError[] = [];
  const content: unknown = text.trim() === '' ? {} : parse(text, errors, { allowTrailingComma: true });
  if (errors.length > 0 || typeof content !== 'object' || content === null || Array.isArray(content)) {
    const [first] = errors;
    const line = first && text.slice(0, first.offset).split('\n').length;
    throw new StackError(
      'BAD_CLIENT_FILE',
      `${file}${line ? `:${line}` : ''} is no JSON object${first ? `: ${printParseErrorCode(first.error)}` : ''}`,
      'mend it, then run this again; nothing was changed',
    );
  }
  if (JSON.stringify(valueAt(content, at)) === JSON.stringify(entry)) return text;
  const formattingOptions = { insertSpaces: true, tabSize: 2 };
  const edits = modify(text.trim() === '' ? '{}\n' : text, at, entry, { formattingOptions });
  return applyEdits(text.trim() === '' ? '{}\n' : text, edits);
}

const valueAt = (content: unknown, at: readonly string[]): unknown =>
  at.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], content);
