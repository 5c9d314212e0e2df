import type { FastifyInstance } from 'fastify';
import { authorize } from '../authorize';
import { catalogRoutes } from './catalog';
import { description } from './description';
import { queryRoutes } from './query';
import { describeSnapshot, type Reading, snapshotAge } from './reading';
import { HEALTH, METRICS } from './schemas';

/** What a browser that was sent here is told. */
const GUIDE = {
  service: 'duckdb-http: SQL on the newest published snapshot, read-only',
  description: '/openapi, a page; /openapi/json for programs',
  endpoints: {
    'POST /v1/query':
      '{"sql": "…", "params": […], "maxRows": 1000, "format": "json|rows|columns|ndjson|csv|arrow|parquet"}',
    'GET /v1/query?sql=…&format=…': 'the same as a link',
    'GET /v1/tables': 'the tables, their columns and rows; /v1/tables/{name} has a sample',
    'GET /v1/snapshot': 'which snapshot answers, and how old it is; /v1/snapshots has all that lie here',
    'GET /health, /metrics': 'need no token',
  },
  token: 'Authorization: Bearer <token>, which `make -s secret s=duckdb-http k=token` prints',
};

/** `/v1/…` needs the token; the rest tells nothing of the data. */
export async function routes(server: FastifyInstance, reading: Reading): Promise<void> {
  const { reader, metrics, settings } = reading;
  await description(server);

  server.get('/', { schema: { hide: true } }, async () => GUIDE);

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

  await server.register(async (v1) => {
    v1.addHook('onRequest', authorize(settings.apiToken));
    await queryRoutes(v1, reading);
    await catalogRoutes(v1, reading);
  });
}
