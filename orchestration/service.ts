import { mkdir, readFile } from 'node:fs/promises';
import * as path from 'node:path';
import {
  type PlanContext,
  type ProcessPlan,
  defineService,
  grpcReady,
  httpReady,
  own,
  pythonHealth,
  stack,
  text,
} from '@stack/model';
import { fargate } from '@stack/ecs';
import { datahubClient } from '@stack/catalog';
import { duckdbHttp } from '@stack/duckdb-http';
import { airbyteClient } from '@stack/ingestion';
import { leases, postgres } from '@stack/postgres';
import { ensureDatabase } from '@stack/postgres/database';
import { lakeWriter } from '@stack/s3';
import { dbtEnvironment, dbtInAws, dbtInContainer, transformation, userFolder } from '@stack/transformation';

const database = postgres.url('sql', { database: 'dagster' });
const marts = postgres.url('sql', { database: 'marts' });

const python = (module: string, ...args: string[]) => ['python3', '-m', `stack_pipeline.${module}`, ...args];
const IN_CONTAINER = python('in_container');
const CODE = python('code_server', '--port');
const WEBSERVER = python('webserver', '-w', '/app/orchestration/workspace.yaml');
const DAEMON = python('daemon', 'run', '-w', '/app/orchestration/workspace.yaml');

/** Files of the checkout that its programs need, at the same place below /app. */
const PARTS = [
  'orchestration/stack_pipeline',
  'orchestration/quality',
  'orchestration/dagster.yaml',
  'orchestration/github.yml',
  'orchestration/workspace.yaml',
  'transformation',
  'infra/s3/bucket.json',
];

/** What the user may set, in the environment or in `.env`, when deploying. */
const SETTINGS = ['ALERT_WEBHOOK_URL', 'PIPELINE_CRON', 'GITHUB_API'];
const flights = userFolder(process.env, 'FLIGHTS_DIR');
const settings = {
  ...Object.fromEntries(SETTINGS.map((name) => [name, process.env[name] ?? ''])),
  FLIGHTS_DIR: flights ?? '',
};

const ownProject = dbtInContainer(process.env);

export const orchestration = defineService({
  name: 'orchestration',
  summary: 'Dagster: the pipeline, its runs and checks',
  ports: {
    web: { number: 3000, protocol: 'http' },
    code: { number: 4000, protocol: 'grpc' },
  },
  volumes: { home: '/dagster' },
  env: {
    ...lakeWriter,
    ...dbtEnvironment,
    ...airbyteClient,
    ...datahubClient,
    // What the catalogue is told of usage.
    PUBLISHED_URL: duckdbHttp.url('http'),
    PUBLISHED_TOKEN: duckdbHttp.secret('token'),
    ...settings,
    STACK_SOCKET: stack.socket,
    STACK_NAME: stack.name,
    INBOX_DIR: stack.inbox,
    DAGSTER_PG_URL: database,
    MARTS_PG_URL: marts,
    MARTS_READER_PASSWORD: postgres.secret('reader'),
    GITHUB_TOKEN_FILE: text`${stack.dir}/secrets/orchestration/github_token`,
    DAGSTER_DISABLE_TELEMETRY: 'true',
    // each thread's own heap keeps what it has freed
    MALLOC_ARENA_MAX: '2',
    // one write for a year's partitions instead of 365
    DAGSTER_EVENT_BATCH_SIZE: '1000',
    PYTHONPATH: text`${stack.workspace}/orchestration`,
    PYTHONUNBUFFERED: '1',
  },
  uses: [transformation],
  ready: {
    code: grpcReady('code', 'DagsterApi'),
    webserver: httpReady('web', '/server_info'),
    // Its heartbeat of before a restart counts as healthy for minutes: it has to be a new one.
    daemon: httpReady('web', '/graphql', {
      body: JSON.stringify({
        query:
          '{ instance { daemonHealth { daemonStatus(daemonType: "QUEUED_RUN_COORDINATOR") { healthy lastHeartbeatTime } } } }',
      }),
      contains: '"healthy":true',
      since: 'lastHeartbeatTime',
    }),
  },
  native: { plan: planDagster },
  docker: {
    image: 'stack/orchestration:dev',
    build: {
      from: 'python',
      files: Object.fromEntries(PARTS.map((part) => [part, part])),
      packages: { 'site-packages': 'uv.lock' },
    },
    health: pythonHealth,
    processes: {
      code: {
        command: [...IN_CONTAINER, '--prepare', ...CODE, '4000', '--host', '0.0.0.0'],
        ports: ['code'],
      },
      webserver: { command: [...IN_CONTAINER, ...WEBSERVER, '-h', '0.0.0.0', '-p', '3000'], ports: ['web'] },
      daemon: { command: [...IN_CONTAINER, ...DAEMON] },
    },
    env: {
      PYTHONPATH: '/app/site-packages:/app/orchestration',
      DAGSTER_HOME: own.volume('home'),
      DAGSTER_CODE_HOST: own.host('code'),
      DAGSTER_CODE_PORT: own.port('code'),
      STACK_SOCKET: leases,
      INBOX_DIR: '/inbox',
      ...(flights && { FLIGHTS_DIR: '/flights' }),
      ...ownProject.env,
    },
    // A run's DuckDB has a gigabyte of it.
    memory: '4Gi',
    // It alone has what elsewhere several programs share: the loaded files' DuckDB, and so no lease, and no Airbyte or catalogue of ours.
    apart: {
      env: {
        DAGSTER_CODE_HOST: '127.0.0.1',
        WAREHOUSE_PATH: text`${own.volume('home')}/warehouse.duckdb`,
        DBT_TARGET_PATH: text`${own.volume('home')}/dbt/target`,
        DBT_LOG_PATH: text`${own.volume('home')}/dbt/logs`,
        STACK_SOCKET: '',
        AIRBYTE_CONNECTION_ID: '',
        DATAHUB_GMS_URL: '',
        PUBLISHED_URL: '',
        PUBLISHED_TOKEN: '',
      },
    },
    folders: { '/inbox': stack.inbox, ...(flights && { '/flights': flights }), ...ownProject.folders },
  },
  aws: fargate({ singleton: true, env: dbtInAws }),
  mcp: {
    env: {
      URL: text`http://${own.host('web')}:${own.port('web')}`,
      // What the checks found is published with the data.
      DATA_URL: duckdbHttp.url('http'),
      DATA_TOKEN: duckdbHttp.secret('token'),
    },
  },
  route: { port: 'web' },
  memory: '1Gi',
});

/**
 * Three processes: one code server that webserver and daemon share (each would start its own otherwise), and those two. The
 * code server loads changed Python and dbt files by itself, so that editing them restarts nothing.
 */
async function planDagster(context: PlanContext): Promise<ProcessPlan[]> {
  const folder = path.join(context.stack.workspace, 'orchestration');
  const home = context.volume('home');
  // So that a file can be dropped into it at once.
  await mkdir(context.resolve(stack.inbox), { recursive: true });
  for (const url of [database, marts]) await ensureDatabase(context, url);
  const instance = context.write(
    path.join(home, 'dagster.yaml'),
    await readFile(path.join(folder, 'dagster.yaml'), 'utf8'),
  );
  // Else a form to sign up for news lies over the first page.
  context.write(path.join(home, '.nux', 'nux.yaml'), 'seen: 1\n');
  const workspace = path.join(folder, 'workspace.yaml');
  const web = String(context.port('web'));
  const env = {
    DAGSTER_HOME: home,
    DAGSTER_URL: `http://127.0.0.1:${web}`,
    DAGSTER_CODE_HOST: '127.0.0.1',
    DAGSTER_CODE_PORT: String(context.port('code')),
  };
  const common = {
    cwd: folder,
    env,
    sources: [instance, workspace, path.join(context.stack.workspace, 'uv.lock')],
  };
  return [
    {
      ...common,
      name: 'code',
      command: context.executable('python'),
      args: ['-m', 'stack_pipeline.code_server', '--port', env.DAGSTER_CODE_PORT, '--watch'],
    },
    {
      ...common,
      name: 'webserver',
      command: context.executable('python'),
      args: ['-m', 'stack_pipeline.webserver', '-h', '127.0.0.1', '-p', web, '-w', workspace],
    },
    {
      ...common,
      name: 'daemon',
      command: context.executable('python'),
      args: ['-m', 'stack_pipeline.daemon', 'run', '-w', workspace],
    },
  ];
}
