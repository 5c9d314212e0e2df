import { PassThrough } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { Context } from './routes';

/** `GET /export`: everything, as a file that DataHub's `file` source reads. */
export function exportRoutes(server: FastifyInstance, { exported }: Context): void {
  server.get('/export', (request, reply) => {
    const out = new PassThrough();
    void reply
      .type('application/json')
      .header('content-disposition', 'attachment; filename="catalog.json"')
      .send(out);
    exported.to(out).catch((error: Error) => {
      request.log.warn({ why: String(error.cause ?? error) }, 'an export ended before its end');
      // The answer is cut off: what came is no JSON, and nobody takes it for all.
      out.destroy(error);
    });
  });
}
