import type { FastifyInstance } from 'fastify';
import type { Usage } from '../usage';
import { USAGE } from './schemas';

/** `GET /v1/usage`: which queries a day has seen. */
export async function usageRoutes(server: FastifyInstance, usage: Usage): Promise<void> {
  server.get<{ Querystring: { day: string } }>(
    '/v1/usage',
    { schema: USAGE },
    async ({ query: { day } }) => ({
      day,
      queries: usage.of(day),
    }),
  );
}
