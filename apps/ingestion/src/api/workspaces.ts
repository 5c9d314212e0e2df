import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { uuidOf } from '../ids';
import type { Workspace } from '../store/objects';
import { workspaceAnswer } from './answers';
import { type Query, conflict, found, notFound, listOf, pageAnswer } from './requests';
import type { Context } from './routes';

interface Body {
  name?: string;
}
const NAMED = {
  body: { type: 'object', required: ['name'], properties: { name: { type: 'string', minLength: 1 } } },
};

export function workspaceRoutes(server: FastifyInstance, { objects, asking }: Context): void {
  const find = (id: string): Promise<Workspace> =>
    found('workspace', id, (one) => objects.find('workspaces', one));

  server.get<{ Querystring: Query }>('/workspaces', async (request) => {
    const { page, filter } = listOf(request.query);
    return pageAnswer(request, page, await objects.list('workspaces', page, filter), workspaceAnswer);
  });
  server.post<{ Body: Body }>('/workspaces', { schema: NAMED }, async ({ body }) =>
    workspaceAnswer(await objects.insert('workspaces', { id: randomUUID(), name: body.name })),
  );
  server.get<{ Params: { id: string } }>('/workspaces/:id', async ({ params }) =>
    workspaceAnswer(await find(params.id)),
  );
  server.patch<{ Params: { id: string }; Body: Body }>(
    '/workspaces/:id',
    { schema: NAMED },
    async ({ params, body }) => {
      const { id } = await find(params.id);
      return workspaceAnswer(await objects.update('workspaces', id, { name: body.name }));
    },
  );
  server.delete<{ Params: { id: string } }>('/workspaces/:id', async ({ params }, reply) => {
    const { id } = await find(params.id);
    const [used] = await objects.using('workspace_id', id);
    if (used)
      throw conflict(`the connection ${used.name} is in this workspace`, 'delete its connections first');
    await objects.remove('workspaces', id);
    return reply.code(204).send();
  });

  const definition = async (name: string): Promise<object> => {
    const { version } = await asking.connector(name);
    const { documentationUrl } = await asking.spec(name);
    return {
      id: uuidOf(name),
      name,
      dockerRepository: `airbyte/${name}`,
      dockerImageTag: version || 'local',
      ...(documentationUrl ? { documentationUrl } : {}),
    };
  };
  server.get<{ Params: { id: string } }>('/workspaces/:id/definitions/sources', async ({ params }) => {
    await find(params.id);
    return {
      data: await Promise.all((await asking.connectors.names()).map(definition)),
      previous: '',
      next: '',
    };
  });
  server.get<{ Params: { id: string; definition: string } }>(
    '/workspaces/:id/definitions/sources/:definition',
    async ({ params }) => {
      await find(params.id);
      const name = (await asking.connectors.names()).find((one) => uuidOf(one) === params.definition);
      if (!name) throw notFound('definition', params.definition);
      return definition(name);
    },
  );
}
