import type { FastifyInstance } from 'fastify';
import type { Kept, Tokens } from '../access/tokens';
import { LIST_TOKENS, MAKE_TOKEN, REMOVE_TOKEN } from './schemas';

/** `GET`, `POST` and `DELETE /v1/tokens`. */
export async function tokenRoutes(server: FastifyInstance, tokens: Tokens): Promise<void> {
  server.get('/v1/tokens', { schema: LIST_TOKENS }, async () => ({ tokens: tokens.list() }));

  server.post<{ Body: Omit<Kept, 'sha256' | 'createdAt'> }>(
    '/v1/tokens',
    { schema: MAKE_TOKEN },
    async ({ body, grant, log }, reply) => {
      const token = await tokens.create(body);
      log.info({ by: grant.name, token: body.name, tables: body.tables }, 'token made');
      return reply.code(201).send({ name: body.name, token });
    },
  );

  server.delete<{ Params: { name: string } }>(
    '/v1/tokens/:name',
    { schema: REMOVE_TOKEN },
    async ({ params, grant, log }, reply) => {
      await tokens.remove(params.name);
      log.info({ by: grant.name, token: params.name }, 'token removed');
      return reply.code(204).send();
    },
  );
}
