import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { RequestError } from './errors';

/** Names of this machine for itself. Browsers resolve `*.localhost` to it and nowhere else, and so does the proxy. */
const LOCAL = /^(localhost|.+\.localhost|127\.0\.0\.1|\[::1\])$/;

/**
 * Refuses requests that a page of another site made a browser send: by DNS rebinding (a strange `Host`) or across
 * origins (a strange `Origin`).
 *
 * @param allowed host names besides this machine's own, without port; `*` allows any
 * @param origins whole origins besides those of these hosts
 */
export function guard(
  allowed: readonly string[],
  origins: readonly string[] = [],
): (request: FastifyRequest) => Promise<void> {
  const known = new Set(allowed.map((name) => name.toLowerCase()));
  const isAllowed = (host: string): boolean => known.has('*') || LOCAL.test(host) || known.has(host);
  return async (request) => {
    const host = hostName(`http://${request.headers.host ?? ''}`);
    // An address instead of a name, as load balancers' and kubelets' probes send it, can't be rebound.
    if (host === undefined || !(isAllowed(host) || isIP(host.replace(/^\[|\]$/g, '')) !== 0)) {
      throw new RequestError(
        421,
        'host_not_allowed',
        `this server doesn't answer for the host ${host ?? '(none)'}`,
        {
          remedy: 'use localhost, or add the name to ALLOWED_HOSTS',
        },
      );
    }
    const { origin } = request.headers;
    if (origin !== undefined && !origins.includes(origin) && !isAllowed(hostName(origin) ?? '')) {
      throw new RequestError(403, 'origin_not_allowed', `pages of ${origin} may not call this server`, {
        remedy:
          'name the origin where this server is told whose pages may call it (CORS_ORIGINS of duckdb-http)',
      });
    }
  };
}

function hostName(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname.toLowerCase() : undefined;
}
