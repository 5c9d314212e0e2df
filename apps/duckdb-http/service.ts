import { fargate } from '@stack/ecs';
import {
  defineService,
  generated,
  httpReady,
  nodeHealth,
  nodeProgram,
  own,
  stack,
  text,
  withMemoryLimit,
} from '@stack/model';
import { lakeReader } from '@stack/s3';

export const duckdbHttp = defineService({
  name: 'duckdb-http',
  summary: 'SQL over HTTP on the published data',
  ports: { http: { number: 4200, protocol: 'http' } },
  secrets: { token: generated() },
  volumes: { snapshots: '/snapshots', access: '/access' },
  env: {
    ...lakeReader,
    HOST: stack.bind,
    STACK_NAME: stack.name,
    PORT: own.port('http'),
    SNAPSHOT_DIR: own.volume('snapshots'),
    TOKENS_FILE: text`${own.volume('access')}/tokens.json`,
    USAGE_FILE: text`${own.volume('access')}/usage.json`,
    // Of `make deploy`'s environment, or of .env: origins whose pages may read from a browser.
    CORS_ORIGINS: process.env.CORS_ORIGINS ?? '',
    API_TOKEN: own.secret('token'),
    // One heap of malloc's for all threads: 20 MB less at rest.
    MALLOC_ARENA_MAX: '2',
  },
  ready: httpReady('http', '/health'),
  native: {
    // DuckDB's own bound leaves out some of what a query makes: one text of 4 GB, for example.
    plan: async (context) =>
      withMemoryLimit(nodeProgram(context, { sources: [`${context.dist}-page/page.js`] }), '2Gi'),
  },
  docker: {
    image: 'stack/duckdb-http:dev',
    build: { from: 'node', files: { page: 'dist/apps/duckdb-http-page' } },
    env: { ALLOWED_HOSTS: own.host('http'), SQL_PAGE_DIR: '/app/page' },
    health: nodeHealth,
  },
  aws: fargate({ ephemeral: ['snapshots'] }),
  metrics: { port: 'http' },
  mcp: {
    env: { URL: text`http://${own.host('http')}:${own.port('http')}`, TOKEN: own.secret('token') },
  },
  route: { port: 'http', token: 'token' },
  memory: '1536Mi',
});
