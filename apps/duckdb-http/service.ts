import { defineService, generated, httpReady, nodeProgram } from '@stack/model';
import { lakeReader } from '@stack/s3';

export const duckdbHttp = defineService({
  name: 'duckdb-http',
  summary: 'SQL over HTTP on the published data',
  ports: { http: { number: 4200, protocol: 'http' } },
  secrets: { token: generated() },
  volumes: { snapshots: '/snapshots' },
  env: lakeReader,
  ready: httpReady('http', '/health'),
  native: {
    plan: async (context) =>
      nodeProgram(context, {
        env: {
          HOST: '127.0.0.1',
          PORT: String(context.port('http')),
          SNAPSHOT_DIR: context.volume('snapshots'),
          API_TOKEN: context.secret('token'),
          // One heap of malloc's for all threads: 20 MB less at rest.
          MALLOC_ARENA_MAX: '2',
        },
      }),
  },
  docker: { image: 'stack/duckdb-http:dev' },
  route: { port: 'http' },
  memory: '1Gi',
});
