import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { RequestError, secretCommand } from '@stack/http-server';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Settings } from '../settings';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const equal = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));

/** Bearer tokens that say themselves until when they are good, signed with the client's secret: a restart forgets none. */
export class Tokens {
  constructor(private readonly settings: Pick<Settings, 'clientId' | 'clientSecret' | 'tokenSeconds'>) {}

  /** @throws RequestError when the client isn't the one that this stack made */
  issue(
    clientId: unknown,
    clientSecret: unknown,
  ): { access_token: string; token_type: 'Bearer'; expires_in: number } {
    const { settings } = this;
    const id = equal(String(clientId ?? ''), settings.clientId);
    const secret = equal(String(clientSecret ?? ''), settings.clientSecret);
    if (!id || !secret)
      throw new RequestError(
        401,
        'unauthorized',
        "the client_id or the client_secret isn't that of this stack",
        {
          remedy: `${secretCommand('ingestion', 'client_id')}, and k=client_secret`,
        },
      );
    const until = String(Math.floor(Date.now() / 1000) + settings.tokenSeconds);
    return {
      access_token: `${until}.${this.sign(until)}`,
      token_type: 'Bearer',
      expires_in: settings.tokenSeconds,
    };
  }

  /** Requires a token that is good. */
  authorize = async (request: FastifyRequest): Promise<void> => {
    const [scheme, token = ''] = (request.headers.authorization ?? '').split(' ');
    const [until = '', signature = ''] = token.split('.');
    const genuine = scheme.toLowerCase() === 'bearer' && equal(signature, this.sign(until));
    if (genuine && Number(until) > Date.now() / 1000) return;
    throw new RequestError(
      401,
      'unauthorized',
      genuine ? 'the token has expired' : 'this needs a token of the ingestion service',
      {
        remedy: 'POST client_id and client_secret to /api/public/v1/applications/token',
        headers: { 'www-authenticate': 'Bearer realm="ingestion"' },
      },
    );
  };

  private sign(until: string): string {
    return createHmac('sha256', this.settings.clientSecret).update(`token ${until}`).digest('base64url');
  }
}

/** Airbyte's clients ask for tokens at different addresses, as JSON or as a form. */
export function tokenRoutes(server: FastifyInstance, tokens: Tokens): void {
  server.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  );
  for (const path of [
    '/api/public/v1/applications/token',
    '/api/v1/applications/token',
    '/applications/token',
  ])
    server.post<{ Body: Record<string, unknown> | null }>(path, async (request, reply) => {
      void reply.header('cache-control', 'no-store');
      return tokens.issue(request.body?.client_id, request.body?.client_secret);
    });
}
