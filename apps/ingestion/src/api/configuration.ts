/** The calls of Airbyte's configuration API (`/api/v1`) that Dagster's client and its predecessor make. */
import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import type { Job } from '../store/jobs';
import type { Connection } from '../store/objects';
import { connectionAnswer, syncCatalog } from './answers';
import { cancelJob, findJob, startJob } from './jobs';
import { found } from './requests';
import type { Context } from './routes';

const BY_CONNECTION = {
  body: { type: 'object', required: ['connectionId'], properties: { connectionId: { type: 'string' } } },
};
const BY_JOB = { body: { type: 'object', required: ['id'], properties: { id: { type: 'integer' } } } };

export function configurationRoutes(server: FastifyInstance, context: Context): void {
  const { objects, queue } = context;
  const connection = (id: string): Promise<Connection> =>
    found('connection', id, (one) => objects.find('connections', one));

  server.post<{ Body: { connectionId: string } }>(
    '/connections/get',
    { schema: BY_CONNECTION },
    async ({ body }) => {
      const it = await connection(body.connectionId);
      return { ...connectionAnswer(it), syncCatalog: syncCatalog(it) };
    },
  );
  server.post<{ Body: { connectionId: string } }>(
    '/connections/sync',
    { schema: BY_CONNECTION },
    async ({ body }) => details(await startJob(context, body.connectionId, 'sync')),
  );
  server.post<{ Body: { id: number } }>('/jobs/get', { schema: BY_JOB }, async ({ body }) =>
    details(await findJob(context, body.id)),
  );
  server.post<{ Body: { id: number } }>('/jobs/cancel', { schema: BY_JOB }, async ({ body }) =>
    details(await cancelJob(context, body.id)),
  );
  server.post<{ Body: { id: number } }>('/jobs/get_debug_info', { schema: BY_JOB }, async ({ body }) => {
    const job = await findJob(context, body.id);
    const log = await readFile(queue.logFile(job.id), 'utf8').catch(() => '');
    return details(job, log.split('\n').filter(Boolean));
  });
}

const details = (job: Job, logLines: string[] = []): object => ({
  job: {
    id: job.id,
    configId: job.connection_id,
    configType: job.type,
    status: job.status,
    createdAt: Math.floor(job.created_at.getTime() / 1000),
    updatedAt: Math.floor(job.updated_at.getTime() / 1000),
  },
  attempts: job.attempts
    ? [
        {
          attempt: {
            id: job.attempts - 1,
            status: job.status,
            recordsSynced: Number(job.rows),
            bytesSynced: Number(job.bytes),
            ...(job.error ? { failureSummary: { failures: [{ externalMessage: job.error }] } } : {}),
          },
          logs: { logLines },
        },
      ]
    : [],
});
