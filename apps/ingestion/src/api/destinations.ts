import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { Configuration } from '../connectors/protocol';
import type { Destination } from '../store/objects';
import { DEFAULT_SCHEMA } from '../sync/tables';
import { destinationAnswer } from './answers';
import { type Query, badRequest, bodies, conflict, found, listOf, pageAnswer } from './requests';
import type { Context } from './routes';

interface Body {
  name?: string;
  workspaceId?: string;
  configuration?: Configuration;
}

const BODIES = bodies({});

/** What may be a schema's name: it becomes a folder of tables, and a name in SQL. */
const SCHEMA_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;
/** Schemas that are others' business: the models', ours, DuckDB's. */
export const RESERVED = [
  'airbyte_internal',
  'quarantine',
  'staging',
  'marts',
  'information_schema',
  'pg_catalog',
  'main',
];

/** @throws RequestError when rows may not be loaded there */
export function checkSchema(schema: string): void {
  if (!SCHEMA_NAME.test(schema))
    throw badRequest(`the schema ${JSON.stringify(schema)} is no name`, 'use letters, digits and _');
  if (RESERVED.includes(schema.toLowerCase()))
    throw badRequest(`the schema ${schema} isn't for sources`, `use another, such as ${DEFAULT_SCHEMA}`);
}

/**
 * The warehouse is the only place that is written to: whatever path a client gives has to be that.
 *
 * @throws RequestError saying what it may be
 */
export function warehouseConfiguration(given: Configuration, warehousePath: string): Configuration {
  const { destinationType, destination_path: path = warehousePath, schema = DEFAULT_SCHEMA } = given;
  if (destinationType !== undefined && destinationType !== 'duckdb')
    throw badRequest(
      `the destination type ${String(destinationType)} isn't supported`,
      'use duckdb: every sync loads the warehouse of the stack',
    );
  if (path !== warehousePath && path !== 'warehouse')
    throw badRequest(
      `destination_path ${String(path)} isn't the warehouse of this stack`,
      `leave it out, or use ${warehousePath}`,
    );
  checkSchema(String(schema ?? DEFAULT_SCHEMA));
  // What DuckDB calls it: the file's name.
  const database = warehousePath.replace(/^.*\//, '').replace(/\.[^.]*$/, '');
  return { destination_path: warehousePath, database, schema: schema ?? DEFAULT_SCHEMA };
}

export function destinationRoutes(server: FastifyInstance, { objects, settings }: Context): void {
  const find = (id: string): Promise<Destination> =>
    found('destination', id, (one) => objects.find('destinations', one));

  server.get<{ Querystring: Query }>('/destinations', async (request) => {
    const { page, filter } = listOf(request.query);
    return pageAnswer(request, page, await objects.list('destinations', page, filter), destinationAnswer);
  });

  server.post<{ Body: Body }>('/destinations', { schema: BODIES.whole }, async ({ body }) => {
    const { name = '', workspaceId = '', configuration = {} } = body;
    const workspace = await found('workspace', workspaceId, (id) => objects.find('workspaces', id));
    return destinationAnswer(
      await objects.insert('destinations', {
        id: randomUUID(),
        workspace_id: workspace.id,
        name,
        type: 'duckdb',
        configuration: warehouseConfiguration(configuration, settings.warehousePath),
      }),
    );
  });

  server.get<{ Params: { id: string } }>('/destinations/:id', async ({ params }) =>
    destinationAnswer(await find(params.id)),
  );

  for (const [method, schema] of [
    ['PATCH', BODIES.part],
    ['PUT', BODIES.replaced],
  ] as const)
    server.route<{ Params: { id: string }; Body: Body }>({
      method,
      url: '/destinations/:id',
      schema,
      handler: async ({ params, body }) => {
        const destination = await find(params.id);
        const changes: Partial<Destination> = {};
        if (body.name) changes.name = body.name;
        if (body.configuration) {
          const before = method === 'PATCH' ? destination.configuration : {};
          changes.configuration = warehouseConfiguration(
            { ...before, ...body.configuration },
            settings.warehousePath,
          );
          const [user] = await objects.using('destination_id', destination.id);
          if (user && changes.configuration.schema !== destination.configuration.schema)
            throw conflict(
              `the connection ${user.name} has its tables in ${String(destination.configuration.schema)}`,
              'make another destination, or delete the connection first',
            );
        }
        return destinationAnswer(await objects.update('destinations', destination.id, changes));
      },
    });

  server.delete<{ Params: { id: string } }>('/destinations/:id', async ({ params }, reply) => {
    const destination = await find(params.id);
    const [user] = await objects.using('destination_id', destination.id);
    if (user)
      throw conflict(`the connection ${user.name} uses this destination`, 'delete the connection first');
    await objects.remove('destinations', destination.id);
    return reply.code(204).send();
  });
}
