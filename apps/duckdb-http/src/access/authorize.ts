import { RequestError, secretCommand } from '@stack/http-server';
import type { FastifyRequest } from 'fastify';
import type { Grant } from './grant';
import type { Tokens } from './tokens';

declare module 'fastify' {
  interface FastifyRequest {
    /** What the caller's token is good for; set where a token is needed. */
    grant: Grant;
  }
}

const HEADERS = { 'www-authenticate': 'Bearer realm="duckdb-http"' };

/**
 * Requires `Authorization: Bearer <token>`.
 *
 * @param inAddress also `?token=`, for what can't send the header: a browser's WebSocket
 */
export function authorize(tokens: Tokens, inAddress = false): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    const [scheme, given] = (request.headers.authorization ?? '').split(' ');
    const { token: asked } = request.query as { token?: unknown };
    const token = scheme?.toLowerCase() === 'bearer' ? given : inAddress ? asked : undefined;
    const grant = typeof token === 'string' ? tokens.find(token) : undefined;
    if (!grant) {
      throw new RequestError(401, 'unauthorized', 'this needs a token of duckdb-http', {
        remedy: `send Authorization: Bearer <token>; \`${secretCommand('duckdb-http', 'token')}\` prints the stack’s own`,
        headers: HEADERS,
      });
    }
    request.grant = grant;
  };
}

/** Behind `authorize`. */
export async function requireAdmin({ grant }: FastifyRequest): Promise<void> {
  if (grant.admin) return;
  throw new RequestError(403, 'admin_only', `the token ${grant.name} may not do this`, {
    remedy: `use the stack’s own: \`${secretCommand('duckdb-http', 'token')}\``,
  });
}
