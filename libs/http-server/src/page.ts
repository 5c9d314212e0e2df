import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { secretCommand } from './secret-command';

/** Only what comes from here, and styles that editors and charts set. */
const POLICY =
  "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

export interface PageOptions {
  /** Whose page it is: its `index.html` says how its token is printed. */
  unit: string;
  /** The page as `@stack/page/build.mjs` built it. */
  dir: string;
  /** Where `index.html` is. */
  addresses: readonly string[];
  /** Before the names of the other files: `/sql/`. */
  prefix: string;
}

/**
 * Serves a page that is the same for everybody and needs no token: who reads with it gives one.
 *
 * @throws Error when it isn't built
 */
export async function servePage(
  server: FastifyInstance,
  { unit, dir, addresses, prefix }: PageOptions,
): Promise<void> {
  const files = await readdir(dir).catch((): string[] => []);
  if (!files.includes('index.html'))
    throw new Error(`the page is not built (no index.html in ${dir}): run \`npx nx build ${unit}\``);
  for (const file of files) {
    const read = await readFile(join(dir, file));
    const bytes = file === 'index.html' ? forStack(read, unit) : read;
    const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`;
    const headers = {
      etag,
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': POLICY,
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
    };
    for (const address of file === 'index.html' ? addresses : [`${prefix}${file}`])
      // Not in the description of the API.
      server.get(address, { schema: { hide: true } as object }, async (request, reply) => {
        void reply.headers(headers);
        if (request.headers['if-none-match'] === etag) return reply.code(304).send();
        return reply.send(bytes);
      });
  }
}

const forStack = (page: Buffer, unit: string): Buffer =>
  Buffer.from(page.toString().replace(`make -s secret s=${unit} k=token`, secretCommand(unit, 'token')));
