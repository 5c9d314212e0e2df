import * as path from 'node:path';
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
import { leases, postgres } from '@stack/postgres';
import { snowflake } from '@stack/snowflake';
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
    WAREHOUSE_PATH: snowflake.output('path'),
    HOST: stack.bind,
    STACK_NAME: stack.name,
    PORT: own.port('http'),
    CLIENT_ID: own.secret('client_id'),
    CLIENT_SECRET: own.secret('client_secret'),
    JOBS_DIR: own.volume('jobs'),
    LOGS_DIR: own.volume('logs'),
    // The packaged ones, then this stack's own.
    CONNECTORS_PATH: text`${stack.workspace}/.tools/connectors${path.delimiter}${own.volume('connectors')}`,
    MALLOC_ARENA_MAX: '2',
    // Long lines are garbage at once: without a bound, a gigabyte of it is collected too late.
    NODE_OPTIONS: '--max-old-space-size=512',
  },
  ready: httpReady('http', '/health'),
  native: { plan: async (context) => nodeProgram(context) },
  docker: {
    image: 'stack/ingestion:dev',
    build: { from: 'python', programs: { '.tools/connectors': 'apps/ingestion/connectors' } },
    health: nodeHealth,
    env: { STACK_SOCKET: leases, ALLOWED_HOSTS: own.host('http') },
    apart: { none: 'writes a warehouse that is a file, beside Dagster' },
  },
  aws: { none: "it loads this machine's DuckDB; in production Airbyte loads Snowflake, see its README" },
  mcp: {
    env: {
      API: text`http://${own.host('http')}:${own.port('http')}`,
      CLIENT_ID: own.secret('client_id'),
      CLIENT_SECRET: own.secret('client_secret'),
    },
  },
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
