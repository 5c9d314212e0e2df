import { RequestError, secretCommand } from '@stack/http-server';
import { ToolError } from '@stack/mcp';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Core, VERSION } from '../core';
import { openapi } from './openapi';

type Authorize = (request: FastifyRequest) => Promise<void>;

/** Status of an answer to what a tool refuses; what isn't here is 422. */
const STATUS: Record<string, number> = {
  invalid_arguments: 400,
  bad_cursor: 400,
  scope_missing: 403,
  unknown_tool: 404,
  service_down: 503,
  timeout: 504,
};

/** The same tools as REST: `POST /v1/tools/<name>` with the arguments as the body. */
export function restRoutes(server: FastifyInstance, { toolbox }: Core, authorize: Authorize): void {
  server.get('/', async (_request, reply) => reply.redirect('/v1'));
  server.get('/v1', async () => ({
    name: 'stack',
    version: VERSION,
    mcp: '/mcp',
    openapi: '/v1/openapi.json',
    events: '/events',
    token: secretCommand('mcp-server', 'token'),
  }));
  const description = JSON.stringify(openapi(toolbox));
  server.get('/v1/openapi.json', async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(description),
  );
  server.get('/v1/tools', { onRequest: authorize }, async ({ access }) => ({
    tools: [...toolbox.tools.values()].map(({ tool, unit, scope, inputSchema }) => ({
      name: tool.name,
      title: tool.title,
      description: tool.description,
      unit,
      scope,
      allowed: access.scopes.has(scope),
      inputSchema,
    })),
  }));
  server.post<{ Params: { name: string } }>(
    '/v1/tools/:name',
    { onRequest: authorize },
    async (request, reply) => {
      const gone = new AbortController();
      // `close` of the response without an end: the caller is gone.
      reply.raw.once('close', () => gone.abort());
      try {
        return await toolbox.call(request.params.name, request.body, {
          caller: request.access,
          signal: gone.signal,
        });
      } catch (error) {
        if (error instanceof ToolError)
          throw new RequestError(
            STATUS[error.code] ?? (error.code.startsWith('unknown_') ? 404 : 422),
            error.code,
            error.message,
            {
              remedy: error.remedy,
            },
          );
        throw error;
      }
    },
  );
}
