import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { secretCommand } from '@stack/http-server';
import type { FastifyInstance } from 'fastify';

/** The page says how the token is printed. */
const forStack = (page: Buffer): Buffer =>
  Buffer.from(
    page.toString().replace('make -s secret s=duckdb-http k=token', secretCommand('duckdb-http', 'token')),
  );

/** Only what comes from here, and styles that the editor and the charts set. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Address below `/sql/` → file, type. */
const FILES = {
  '': ['index.html', 'text/html; charset=utf-8'],
  'page.js': ['page.js', 'text/javascript; charset=utf-8'],
  'page.css': ['page.css', 'text/css; charset=utf-8'],
} as const;

/**
 * The SQL page, at `/sql/`. It needs no token: who reads with it gives one.
 *
 * @param dir the page as build-page.mjs built it
 * @throws Error when it isn't built
 */
export async function pageRoutes(server: FastifyInstance, dir: string): Promise<void> {
  for (const [address, [file, type]] of Object.entries(FILES)) {
    const read = await readFile(join(dir, file)).catch(() => {
      throw new Error(`the SQL page is not built (no ${file} in ${dir}): run \`npx nx build duckdb-http\``);
    });
    const bytes = file === 'index.html' ? forStack(read) : read;
    const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`;
    const headers = {
      etag,
      'content-type': type,
      'content-security-policy': POLICY,
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
    };
    server.get(`/sql/${address}`, { schema: { hide: true } }, async (request, reply) => {
      void reply.headers(headers);
      if (request.headers['if-none-match'] === etag) return reply.code(304).send();
      return reply.send(bytes);
    });
  }
  server.get('/sql', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/sql/'));
}
