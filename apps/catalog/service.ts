import {
  type Value,
  defineService,
  generated,
  httpReady,
  nodeHealth,
  nodeProgram,
  own,
  stack,
  text,
} from '@stack/model';
import { postgres } from '@stack/postgres';

export const catalog = defineService({
  name: 'catalog',
  summary: "Catalogue and lineage, with DataHub's API",
  ports: { http: { number: 8090, protocol: 'http' } },
  secrets: { token: generated() },
  env: {
    DATABASE_URL: postgres.url('sql', { database: 'catalog' }),
    HOST: stack.bind,
    STACK_NAME: stack.name,
    PORT: own.port('http'),
    API_TOKEN: own.secret('token'),
    MALLOC_ARENA_MAX: '2',
    // A batch is many short-lived values: in a larger young generation they are gone before they are copied.
    NODE_OPTIONS: '--max-old-space-size=512 --max-semi-space-size=32',
  },
  ready: httpReady('http', '/health'),
  native: {
    plan: async (context) =>
      nodeProgram(context, {
        sources: [`${context.dist}-model/model.json`, `${context.dist}-page/page.js`],
      }),
  },
  docker: {
    image: 'stack/catalog:dev',
    build: { from: 'node', files: { model: 'dist/apps/catalog-model', page: 'dist/apps/catalog-page' } },
    env: { ALLOWED_HOSTS: own.host('http'), CATALOG_MODEL_DIR: '/app/model', CATALOG_PAGE_DIR: '/app/page' },
    health: nodeHealth,
  },
  aws: { none: 'DataHub itself, or its cloud, is what production writes to: emitters take its address' },
  mcp: {
    env: { URL: text`http://${own.host('http')}:${own.port('http')}`, TOKEN: own.secret('token') },
  },
  route: { port: 'http', token: 'token' },
  memory: '768Mi',
});

/** Environment of a unit that writes to it with DataHub's client. */
export const datahubClient: Record<string, Value> = {
  DATAHUB_GMS_URL: catalog.url('http'),
  DATAHUB_GMS_TOKEN: catalog.secret('token'),
  // It asks nobody for newer versions and tells nobody of its use.
  DATAHUB_TELEMETRY_ENABLED: 'false',
};
