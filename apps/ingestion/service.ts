import * as path from 'node:path';
import { type Value, defineService, generated, httpReady, nodeProgram, stack } from '@stack/model';
import { postgres } from '@stack/postgres';
import { ensureDatabase } from '@stack/postgres/database';
import { warehouse } from '@stack/warehouse';
import { DEFAULTS } from './src/ids';

const database = postgres.url('sql', { database: 'ingestion' });

export const ingestion = defineService({
  name: 'ingestion',
  summary: "Airbyte's API and connectors: syncs sources into the warehouse",
  ports: { http: { number: 8000, protocol: 'http' } },
  secrets: { client_id: generated({ bytes: 16 }), client_secret: generated() },
  volumes: { jobs: '/jobs', logs: '/logs', connectors: '/connectors' },
  env: {
    STACK_SOCKET: stack.socket,
    DATABASE_URL: database,
    WAREHOUSE_PATH: warehouse.output('path'),
  },
  ready: httpReady('http', '/health'),
  native: {
    plan: async (context) => {
      await ensureDatabase(context, database);
      const shared = path.join(context.stack.workspace, '.tools', 'connectors');
      return nodeProgram(context, {
        env: {
          HOST: '127.0.0.1',
          PORT: String(context.port('http')),
          CLIENT_ID: context.secret('client_id'),
          CLIENT_SECRET: context.secret('client_secret'),
          JOBS_DIR: context.volume('jobs'),
          LOGS_DIR: context.volume('logs'),
          // The packaged ones, then this stack's own.
          CONNECTORS_PATH: [shared, context.volume('connectors')].join(path.delimiter),
          MALLOC_ARENA_MAX: '2',
          // Long lines are garbage at once: without a bound, a gigabyte of it is collected too late.
          NODE_OPTIONS: '--max-old-space-size=512',
        },
      });
    },
  },
  docker: { image: 'stack/ingestion:dev' },
  route: { port: 'http' },
  memory: '1Gi',
});

/** Environment of a unit that drives it as `dagster-airbyte` does; workspace and connection are those of the first start. */
export const airbyteClient: Record<string, Value> = {
  AIRBYTE_REST_API_BASE_URL: ingestion.url('http', { path: '/api/public/v1' }),
  AIRBYTE_CONFIGURATION_API_BASE_URL: ingestion.url('http', { path: '/api/v1' }),
  AIRBYTE_CLIENT_ID: ingestion.secret('client_id'),
  AIRBYTE_CLIENT_SECRET: ingestion.secret('client_secret'),
  AIRBYTE_WORKSPACE_ID: DEFAULTS.workspace,
  AIRBYTE_CONNECTION_ID: DEFAULTS.connection,
};
