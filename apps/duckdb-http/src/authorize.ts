import { createHash, timingSafeEqual } from 'node:crypto';
import { RequestError } from '@stack/http-server';
import type { FastifyRequest } from 'fastify';

/**
 * Requires `Authorization: Bearer <token>`. The comparison takes the same time wherever the first difference is, and
 * whatever the length.
 */
export function authorize(token: string): (request: FastifyRequest) => Promise<void> {
  const expected = digest(token);
  return async (request) => {
    const [scheme, given] = (request.headers.authorization ?? '').split(' ');
    if (scheme?.toLowerCase() === 'bearer' && given && timingSafeEqual(digest(given), expected)) return;
    throw new RequestError(401, 'unauthorized', 'this needs the token of duckdb-http', {
      remedy: 'send Authorization: Bearer <token>; `make secret s=duckdb-http k=token` prints it',
      headers: { 'www-authenticate': 'Bearer realm="duckdb-http"' },
    });
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
