import { existsSync, readFileSync } from 'node:fs';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Scope } from '@stack/mcp';
import { VERSION, createCore } from './core';
import { Changes, Subscriptions } from './protocol/changes';
import { createMcp } from './protocol/server';
import { settingsFromEnvironment } from './settings';

/** Milliseconds that answers may take when the client has closed its end. */
const LAST_WORDS = 5_000;

/**
 * Serves one client over standard input and output. Whoever can start it can read the stack's secrets, so it asks for no token:
 * it reads, and with `--operate` it may change things too.
 *
 * @param argv may name the file with the environment: `--environment <file>`
 */
export async function serve(argv: readonly string[]): Promise<void> {
  const env = { ...environmentOf(argv), ...process.env };
  const settings = settingsFromEnvironment(env);
  const { toolbox, events, watcher } = createCore(settings, env);
  const scopes: ReadonlySet<Scope> = new Set(argv.includes('--operate') ? ['read', 'operate'] : ['read']);
  const log = { error: (what: object, message: string) => console.error(message, what) };
  const open = new Set<Subscriptions>();
  serveStdio(
    ({ era }) => {
      const server = createMcp({
        toolbox,
        version: VERSION,
        log,
        callerOf: () => ({ name: 'this machine', scopes }),
      });
      const subscriptions = new Subscriptions(server, era === 'modern');
      open.add(subscriptions);
      server.server.onclose = () => open.delete(subscriptions);
      return server;
    },
    { onerror: (error) => console.error(`mcp-server: ${error.message}`) },
  );
  const changes = new Changes(
    toolbox,
    () => open.size > 0,
    async (uris, listChanged) => {
      for (const one of open) await one.tell(uris, listChanged);
    },
  );
  events.on((event) => changes.after(event));
  watcher.interest = () => [...open].some(({ size }) => size > 0);
  // The first answers go before the first look.
  setTimeout(() => watcher.start(), 1_000).unref();
  // What was asked is still answered; then nothing holds the process, but for a call that doesn't end.
  process.stdin.once('end', () => setTimeout(() => process.exit(0), LAST_WORDS).unref());
}

function environmentOf(argv: readonly string[]): Record<string, string> {
  const at = argv.indexOf('--environment');
  if (at < 0) return {};
  const file = argv[at + 1] ?? '';
  if (!existsSync(file))
    throw new Error(`${file}: there is no such file; deploy mcp-server first: make deploy-local`);
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
}
