import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { type StreamRequest, selectStreams } from '../connectors/catalog';
import type { Connection, ConnectionSettings, Destination, Source } from '../store/objects';
import { discovered } from '../sync/schemas';
import { tableOf } from '../sync/tables';
import { connectionAnswer } from './answers';
import { checkSchema } from './destinations';
import { type Query, badRequest, found, listOf, pageAnswer } from './requests';
import type { Context } from './routes';
import { answerable } from './sources';

interface Body extends Partial<ConnectionSettings> {
  name?: string;
  sourceId?: string;
  destinationId?: string;
  status?: string;
  schedule?: { scheduleType?: string };
  configurations?: { streams?: StreamRequest[] };
}

const path = { type: 'array', items: { type: 'string' } };
const FIELDS = {
  name: { type: 'string', minLength: 1 },
  sourceId: { type: 'string' },
  destinationId: { type: 'string' },
  prefix: { type: 'string', pattern: '^[A-Za-z0-9_]{0,40}$' },
  status: { enum: ['active', 'inactive'] },
  namespaceDefinition: { enum: ['source', 'destination', 'custom_format'] },
  namespaceFormat: { type: 'string' },
  nonBreakingSchemaUpdatesBehavior: {
    enum: ['ignore', 'disable_connection', 'propagate_columns', 'propagate_fully'],
  },
  schedule: { type: 'object', properties: { scheduleType: { type: 'string' } } },
  configurations: {
    type: 'object',
    properties: {
      streams: {
        type: 'array',
        items: {
          type: 'object',
          required: ['name'],
          properties: {
            name: { type: 'string' },
            namespace: { type: 'string' },
            syncMode: { type: 'string' },
            cursorField: path,
            primaryKey: { type: 'array', items: path },
            selectedFields: { type: 'array', items: { type: 'object', properties: { fieldPath: path } } },
          },
        },
      },
    },
  },
};
const WHOLE = { body: { type: 'object', required: ['sourceId', 'destinationId'], properties: FIELDS } };
const PART = { body: { type: 'object', properties: FIELDS } };

export function connectionRoutes(server: FastifyInstance, { objects, asking, jobs, queue }: Context): void {
  const find = (id: string): Promise<Connection> =>
    found('connection', id, (one) => objects.find('connections', one));

  server.get<{ Querystring: Query }>('/connections', async (request) => {
    const { page, filter } = listOf(request.query);
    return pageAnswer(request, page, await objects.list('connections', page, filter), connectionAnswer);
  });

  server.post<{ Body: Body }>('/connections', { schema: WHOLE }, async ({ body }) => {
    const source = await found('source', body.sourceId ?? '', (id) => objects.find('sources', id));
    const destination = await found('destination', body.destinationId ?? '', (id) =>
      objects.find('destinations', id),
    );
    if (source.workspace_id !== destination.workspace_id)
      throw badRequest('source and destination are in different workspaces');
    manualOnly(body);
    const settings = settingsOf(body);
    const streams = selectStreams(await streamsOf(source), body.configurations?.streams);
    await checkTables({ settings, streams }, destination);
    return connectionAnswer(
      await objects.insert('connections', {
        id: randomUUID(),
        workspace_id: source.workspace_id,
        source_id: source.id,
        destination_id: destination.id,
        name: body.name ?? `${source.name} → ${destination.name}`,
        status: body.status === 'inactive' ? 'inactive' : 'active',
        settings,
        streams,
      }),
    );
  });

  server.get<{ Params: { id: string } }>('/connections/:id', async ({ params }) =>
    connectionAnswer(await find(params.id)),
  );

  server.patch<{ Params: { id: string }; Body: Body }>(
    '/connections/:id',
    { schema: PART },
    async ({ params, body }) => {
      const connection = await find(params.id);
      manualOnly(body);
      const changes: Partial<Connection> = { settings: settingsOf(body, connection.settings) };
      if (body.name) changes.name = body.name;
      if (body.status) changes.status = body.status as Connection['status'];
      if (body.configurations?.streams) {
        const source = await found('source', connection.source_id, (id) => objects.find('sources', id));
        changes.streams = selectStreams(await streamsOf(source), body.configurations.streams);
      }
      const destination = await found('destination', connection.destination_id, (id) =>
        objects.find('destinations', id),
      );
      await checkTables({ ...connection, ...changes }, destination);
      return connectionAnswer(await objects.update('connections', connection.id, changes));
    },
  );

  server.delete<{ Params: { id: string } }>('/connections/:id', async ({ params }, reply) => {
    const connection = await find(params.id);
    const job = await jobs.active(connection.id);
    if (job) await queue.cancel(job.id);
    // Its tables stay, as with Airbyte: what reads them goes on.
    await objects.remove('connections', connection.id);
    return reply.code(204).send();
  });

  const streamsOf = (source: Source) => answerable(discovered({ asking, objects, source }));

  /** Two connections that load one table would take each other's rows away. */
  async function checkTables(
    it: Pick<Connection, 'settings' | 'streams'> & { id?: string },
    destination: Destination,
  ): Promise<void> {
    const mine = new Set(it.streams.map(({ stream }) => nameOf(it, destination, stream)));
    if (mine.size < it.streams.length)
      throw badRequest('two of its streams would load one table', 'choose another namespaceFormat');
    for (const { stream } of it.streams) checkSchema(tableOf(it, destination, stream).schema);
    for (const other of await objects.list('connections', { limit: 10_000, offset: 0 })) {
      if (other.id === it.id) continue;
      const theirs = await objects.find('destinations', other.destination_id);
      const shared = other.streams.find(({ stream }) => theirs && mine.has(nameOf(other, theirs, stream)));
      if (shared && theirs)
        throw badRequest(
          `the table ${nameOf(other, theirs, shared.stream)} is loaded by the connection ${other.name}`,
          'give this connection a prefix, or its destination another schema',
        );
    }
  }
}

function nameOf(
  connection: Pick<Connection, 'settings'>,
  destination: Destination,
  stream: { name: string; namespace?: string | null },
): string {
  const { schema, table } = tableOf(connection, destination, stream);
  return `${schema}.${table}`.toLowerCase();
}

function settingsOf(body: Body, before?: ConnectionSettings): ConnectionSettings {
  const settings: ConnectionSettings = {
    prefix: body.prefix ?? before?.prefix ?? '',
    namespaceDefinition: body.namespaceDefinition ?? before?.namespaceDefinition ?? 'destination',
    nonBreakingSchemaUpdatesBehavior:
      body.nonBreakingSchemaUpdatesBehavior ?? before?.nonBreakingSchemaUpdatesBehavior ?? 'ignore',
  };
  const format = body.namespaceFormat ?? before?.namespaceFormat;
  return format === undefined ? settings : { ...settings, namespaceFormat: format };
}

/** Dagster's schedule is the stack's: a second one here would sync behind its back. */
function manualOnly({ schedule }: Body): void {
  const type = schedule?.scheduleType ?? 'manual';
  if (type !== 'manual')
    throw badRequest(`the schedule ${type} isn't supported`, 'leave it manual, and let Dagster run the sync');
}
