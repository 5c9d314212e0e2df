import { RequestError, secretCommand } from '@stack/http-server';
import type { Scope } from '@stack/mcp';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Tokens } from '../tokens';

/** Longest life of a token, in seconds. */
const LONGEST = 90 * 86_400;

/** `POST /v1/tokens`: one that ends, for somebody else. */
export function tokenRoutes(
  server: FastifyInstance,
  tokens: Tokens,
  authorize: (request: FastifyRequest) => Promise<void>,
): void {
  server.post<{ Body: { name: string; scopes?: Scope[]; expiresIn?: number } }>(
    '/v1/tokens',
    {
      onRequest: authorize,
      schema: {
        body: {
          type: 'object',
          required: ['name'],
          additionalProperties: false,
          properties: {
            name: { type: 'string', pattern: '^[\\w.@-]{1,60}$' },
            scopes: { type: 'array', items: { enum: ['read', 'operate'] }, minItems: 1 },
            expiresIn: { type: 'integer', minimum: 1, maximum: LONGEST },
          },
        },
      },
    },
    async ({ access, body }, reply) => {
      // One that ends makes none that lasts longer.
      if (access.name !== 'operator' || access.expiresAt !== undefined)
        throw new RequestError(403, 'operator_only', 'only the stack’s own operator makes tokens', {
          remedy: `use it: \`${secretCommand('mcp-server', 'operator')}\``,
        });
      const { name, scopes = ['read'], expiresIn = 86_400 } = body;
      return reply.code(201).send(await tokens.sign(name, scopes, expiresIn));
    },
  );
}
