import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { PROBLEM } from './schemas';

/**
 * Describes the routes that are registered after it as OpenAPI 3.1, at `/openapi/json` and `/openapi/yaml`, and as a page
 * at `/openapi`. The page has all it needs from here, and works without the internet.
 */
export async function description(server: FastifyInstance): Promise<void> {
  server.addSchema(PROBLEM);
  // Schemas of answers describe; what is sent is what the route returns, whole.
  server.setSerializerCompiler(() => (value) => JSON.stringify(value));
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'duckdb-http',
        version: '1',
        description: 'SQL over HTTP on the newest published snapshot, read-only.',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `def-${i}`) },
  });
  await server.register(swaggerUi, {
    routePrefix: '/openapi',
    staticCSP: true,
    // Otherwise it would ask a server on the internet whether the description is valid.
    uiConfig: { validatorUrl: null, persistAuthorization: true },
  });
}
