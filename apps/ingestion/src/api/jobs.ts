import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import type { Job, JobFilter, JobType } from '../store/jobs';
import { jobAnswer } from './answers';
import {
  type Query,
  badRequest,
  conflict,
  found,
  notFound,
  pageAnswer,
  pageOf,
  single,
  workspacesOf,
} from './requests';
import type { Context } from './routes';
import { isUuid } from '../ids';

const BODY = {
  body: {
    type: 'object',
    required: ['connectionId', 'jobType'],
    properties: { connectionId: { type: 'string' }, jobType: { type: 'string' } },
  },
};
const TYPES: readonly string[] = ['sync', 'clear', 'reset'];

export function jobRoutes(server: FastifyInstance, context: Context): void {
  const { jobs, queue } = context;

  server.get<{ Querystring: Query }>('/jobs', async (request) => {
    const page = pageOf(request.query);
    return pageAnswer(request, page, await jobs.list(page, filterOf(request.query)), jobAnswer);
  });

  server.post<{ Body: { connectionId: string; jobType: string } }>(
    '/jobs',
    { schema: BODY },
    async ({ body }) => jobAnswer(await startJob(context, body.connectionId, body.jobType)),
  );

  server.get<{ Params: { id: string } }>('/jobs/:id', async ({ params }) =>
    jobAnswer(await findJob(context, params.id)),
  );

  server.delete<{ Params: { id: string } }>('/jobs/:id', async ({ params }) =>
    jobAnswer(await cancelJob(context, params.id)),
  );

  /** Ours: the job's log, as text. */
  server.get<{ Params: { id: string } }>('/jobs/:id/logs', async ({ params }, reply) => {
    const job = await findJob(context, params.id);
    return reply
      .type('text/plain; charset=utf-8')
      .send(await readFile(queue.logFile(job.id), 'utf8').catch(() => ''));
  });
}

export async function findJob({ jobs }: Context, id: string | number): Promise<Job> {
  const job = /^\d{1,9}$/.test(String(id)) ? await jobs.find(Number(id)) : undefined;
  if (!job) throw notFound('job', String(id));
  return job;
}

/** @throws RequestError 409 while the connection has a job under way */
export async function startJob(
  { objects, jobs, queue }: Context,
  connectionId: string,
  type: string,
): Promise<Job> {
  if (!TYPES.includes(type))
    throw badRequest(`the jobType ${type} isn't supported`, `use one of ${TYPES.join(', ')}`);
  const connection = await found('connection', connectionId, (id) => objects.find('connections', id));
  if (connection.status !== 'active')
    throw conflict(`the connection ${connection.name} is inactive`, 'PATCH its status to active');
  const job = await jobs.create(connection.id, type as JobType);
  if (!job)
    throw conflict(
      `a job of the connection ${connection.name} is under way`,
      'wait for it, or DELETE /jobs/{id}',
    );
  queue.kick();
  return job;
}

export async function cancelJob(context: Context, id: string | number): Promise<Job> {
  const job = await findJob(context, id);
  await context.queue.cancel(job.id);
  return findJob(context, job.id);
}

function filterOf(query: Query): JobFilter {
  const time = (name: string): Date | undefined => {
    const text = single(query, name);
    if (!text) return undefined;
    const date = new Date(text);
    if (Number.isNaN(date.getTime())) throw badRequest(`${name}=${text}: it takes a time in ISO 8601`);
    return date;
  };
  const connectionId = single(query, 'connectionId');
  if (connectionId && !isUuid(connectionId)) throw badRequest(`connectionId=${connectionId} is no id`);
  const [, column, direction] =
    /^(createdAt|updatedAt)(?:\|(ASC|DESC))?$/i.exec(single(query, 'orderBy') ?? '') ?? [];
  return {
    connectionId,
    workspaces: workspacesOf(query),
    type: single(query, 'jobType'),
    status: single(query, 'status'),
    createdFrom: time('createdAtStart'),
    createdTo: time('createdAtEnd'),
    updatedFrom: time('updatedAtStart'),
    updatedTo: time('updatedAtEnd'),
    order: column
      ? {
          column: column.toLowerCase() === 'updatedat' ? 'updated_at' : 'created_at',
          direction: direction?.toUpperCase() === 'DESC' ? 'desc' : 'asc',
        }
      : undefined,
  };
}
