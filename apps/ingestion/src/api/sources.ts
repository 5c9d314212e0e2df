import { randomUUID } from 'node:crypto';
import { RequestError } from '@stack/http-server';
import type { FastifyInstance } from 'fastify';
import { MODES } from '../connectors/catalog';
import type { Configuration, DiscoveredStream, Schema } from '../connectors/protocol';
import { SyncError } from '../errors';
import { uuidOf } from '../ids';
import type { Source } from '../store/objects';
import { discovered } from '../sync/schemas';
import { sourceAnswer, unhide } from './answers';
import {
  type Query,
  badRequest,
  bodies,
  conflict,
  found,
  isTrue,
  listOf,
  pageAnswer,
  single,
} from './requests';
import type { Context } from './routes';

interface Body {
  name?: string;
  workspaceId?: string;
  definitionId?: string;
  configuration?: Configuration;
}

const BODIES = bodies({ definitionId: { type: 'string' } });

export function sourceRoutes(server: FastifyInstance, { objects, asking }: Context): void {
  const find = (id: string): Promise<Source> => found('source', id, (one) => objects.find('sources', one));
  /** Unknown for a connector that isn't installed any more. */
  const schemaOf = (source: Source): Promise<Schema | undefined> =>
    asking.spec(source.type).then(
      (spec) => spec.connectionSpecification,
      () => undefined,
    );
  const answer = async (source: Source): Promise<object> => sourceAnswer(source, await schemaOf(source));
  const valid = async (type: string, configuration: Configuration): Promise<Configuration> => {
    const { sourceType: _, ...own } = configuration;
    await asking.validate(type, own);
    return own;
  };

  server.get<{ Querystring: Query }>('/sources', async (request) => {
    const { page, filter } = listOf(request.query);
    const rows = await objects.list('sources', page, filter);
    const schemas = new Map(
      await Promise.all(rows.map(async (row) => [row.id, await schemaOf(row)] as const)),
    );
    return pageAnswer(request, page, rows, (row) => sourceAnswer(row, schemas.get(row.id)));
  });

  server.post<{ Body: Body }>('/sources', { schema: BODIES.whole }, async ({ body }) => {
    const { name = '', workspaceId = '', configuration = {} } = body;
    const workspace = await found('workspace', workspaceId, (id) => objects.find('workspaces', id));
    const type = await typeOf(body);
    return answer(
      await objects.insert('sources', {
        id: randomUUID(),
        workspace_id: workspace.id,
        name,
        type,
        configuration: await valid(type, configuration),
      }),
    );
  });

  server.get<{ Params: { id: string } }>('/sources/:id', async ({ params }) => answer(await find(params.id)));

  for (const [method, schema] of [
    ['PATCH', BODIES.part],
    ['PUT', BODIES.replaced],
  ] as const)
    server.route<{ Params: { id: string }; Body: Body }>({
      method,
      url: '/sources/:id',
      schema,
      handler: async ({ params, body }) => {
        const source = await find(params.id);
        const changes: Partial<Source> = {};
        if (body.name) changes.name = body.name;
        if (body.configuration) {
          const shown = unhide(
            body.configuration,
            source.configuration,
            await schemaOf(source),
          ) as Configuration;
          changes.configuration = await valid(
            source.type,
            method === 'PATCH' ? { ...source.configuration, ...shown } : shown,
          );
        }
        return answer(await objects.update('sources', source.id, changes));
      },
    });

  server.delete<{ Params: { id: string } }>('/sources/:id', async ({ params }, reply) => {
    const source = await find(params.id);
    const [user] = await objects.using('source_id', source.id);
    if (user) throw conflict(`the connection ${user.name} uses this source`, 'delete the connection first');
    await objects.remove('sources', source.id);
    return reply.code(204).send();
  });

  /** Ours: whether the connector reaches what it is to read. */
  server.post<{ Params: { id: string } }>('/sources/:id/check', async ({ params }) => {
    const source = await find(params.id);
    const { ok, message } = await asking.check(source.type, source.configuration);
    return { status: ok ? 'succeeded' : 'failed', ...(message ? { message } : {}) };
  });

  server.get<{ Querystring: Query }>('/streams', async ({ query }) => {
    const source = await find(single(query, 'sourceId') ?? '');
    return (await streamsOf(source, isTrue(query, 'ignoreCache'))).map(streamAnswer);
  });

  const streamsOf = (source: Source, fresh: boolean): Promise<DiscoveredStream[]> =>
    answerable(discovered({ asking, objects, source }, fresh));

  async function typeOf({ configuration, definitionId }: Body): Promise<string> {
    const { sourceType } = configuration ?? {};
    if (typeof sourceType === 'string' && sourceType) return `source-${sourceType.replace(/^source-/, '')}`;
    if (!definitionId)
      throw badRequest('configuration.sourceType or definitionId has to say which connector it is');
    const name = (await asking.connectors.names()).find((one) => uuidOf(one) === definitionId);
    if (!name)
      throw badRequest(
        `no connector has the definitionId ${definitionId}`,
        'see /workspaces/{id}/definitions/sources',
      );
    return name;
  }
}

/** A connector that can't be asked is no failure of the server: its own words are the answer. */
export function answerable<T>(asked: Promise<T>): Promise<T> {
  return asked.catch((error: unknown) => {
    if (!(error instanceof SyncError)) throw error;
    throw new RequestError(400, 'connector_failed', error.message, {
      remedy: "check the source's configuration",
    });
  });
}

const streamAnswer = (stream: DiscoveredStream): object => ({
  streamName: stream.name,
  ...(stream.namespace ? { streamnamespace: stream.namespace } : {}),
  syncModes: Object.entries(MODES)
    .filter(([, { mode }]) => (stream.supported_sync_modes ?? ['full_refresh']).includes(mode))
    .map(([name]) => name),
  defaultCursorField: stream.default_cursor_field ?? [],
  sourceDefinedCursorField: stream.source_defined_cursor ?? false,
  sourceDefinedPrimaryKey: stream.source_defined_primary_key ?? [],
  propertyFields: Object.keys(stream.json_schema.properties ?? {}).map((name) => [name]),
});
