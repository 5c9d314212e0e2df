import accepts from '@fastify/accepts';
import cors from '@fastify/cors';
import { secretCommand, servePage } from '@stack/http-server';
import type { FastifyInstance } from 'fastify';
import { authorize, requireAdmin } from '../access/authorize';
import { catalogRoutes } from './catalog';
import { description } from './description';
import { mosaicRoutes } from './mosaic';
import { queryRoutes } from './query';
import { describeSnapshot, type Reading, snapshotAge } from './reading';
import { HEALTH, METRICS } from './schemas';
import { tokenRoutes } from './tokens';
import { usageRoutes } from './usage';

/** What a browser that was sent here is told. */
const GUIDE = {
  service: 'duckdb-http: SQL on the newest published snapshot, read-only',
  page: '/sql/: an editor, tables, charts',
  description: '/openapi, a page; /openapi/json for programs',
  endpoints: {
    'POST /v1/query':
      '{"sql": "…", "params": […], "maxRows": 1000, "format": "json|rows|columns|ndjson|csv|arrow|parquet"}',
    'GET /v1/query?sql=…&format=…': 'the same as a link',
    'GET /v1/tables': 'the tables, their columns and rows; /v1/tables/{name} has a sample',
    'GET /v1/snapshot': 'which snapshot answers, and how old it is; /v1/snapshots has all that lie here',
    'GET, POST, DELETE /v1/tokens': 'tokens with fewer rights and limits; with the stack’s own token only',
    'GET /v1/usage?day=…': 'which queries that day has seen; with the stack’s own token only',
    'GET /health, /metrics': 'need no token',
  },
  token: `Authorization: Bearer <token>, which \`${secretCommand('duckdb-http', 'token')}\` prints`,
};

/** `/v1/…` needs the token; the rest tells nothing of the data. */
export async function routes(server: FastifyInstance, reading: Reading): Promise<void> {
  const { reader, metrics, settings, tokens } = reading;
  if (settings.corsOrigins.length > 0) {
    await server.register(cors, {
      origin: [...settings.corsOrigins],
      methods: ['GET', 'POST'],
      exposedHeaders: ['etag', 'retry-after', 'x-snapshot'],
    });
  }
  // Nobody else ends the connection of a WebSocket that was refused.
  server.addHook('onResponse', async (request) => {
    if (request.headers.upgrade !== undefined) request.raw.socket.destroySoon();
  });
  await server.register(accepts);
  await description(server);

  for (const path of ['/health', '/healthz']) {
    server.get(path, { schema: HEALTH }, async () => ({
      status: 'ok',
      snapshot: describeSnapshot(reader.snapshot),
      ageSeconds: snapshotAge(reader.snapshot),
      problem: reader.problem ?? null,
    }));
  }

  server.get('/metrics', { schema: METRICS }, async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );

  await servePage(server, {
    unit: 'duckdb-http',
    dir: settings.pageDir,
    addresses: ['/sql/'],
    prefix: '/sql/',
  });
  server.get('/sql', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/sql/'));
  await server.register((mosaic) => mosaicRoutes(mosaic, reading, GUIDE));

  await server.register(async (v1) => {
    v1.addHook('onRequest', authorize(tokens));
    await queryRoutes(v1, reading);
    await catalogRoutes(v1, reading);
    await v1.register(async (admin) => {
      admin.addHook('onRequest', requireAdmin);
      await tokenRoutes(admin, tokens);
      await usageRoutes(admin, reading.usage);
    });
  });
}
