import * as path from 'node:path';
import { duckdbHttp } from '@stack/duckdb-http';
import { fargate } from '@stack/ecs';
import {
  type PlanContext,
  type ProcessPlan,
  defineService,
  generated,
  httpReady,
  own,
  pythonHealth,
  stack,
  text,
} from '@stack/model';

const SERVER = ['-m', 'stack_explorer.server'];

export const explorer = defineService({
  name: 'explorer',
  summary: 'Streamlit: the published tables, filtered, drawn and downloaded',
  ports: { http: { number: 8501, protocol: 'http' } },
  secrets: { token: generated() },
  env: {
    PUBLISHED_URL: duckdbHttp.url('http'),
    PUBLISHED_TOKEN: duckdbHttp.secret('token'),
    PYTHONPATH: text`${stack.workspace}/apps/explorer:${stack.workspace}/libs/published`,
    HOST: stack.bind,
    PORT: own.port('http'),
    EXPLORER_TOKEN: own.secret('token'),
    STACK_NAME: stack.name,
    PYTHONUNBUFFERED: '1',
    MALLOC_ARENA_MAX: '2',
  },
  ready: httpReady('http', '/_stcore/health'),
  native: { plan: planExplorer },
  docker: {
    image: 'stack/explorer:dev',
    build: {
      from: 'python',
      files: {
        'apps/explorer/stack_explorer': 'apps/explorer/stack_explorer',
        'libs/published': 'libs/published',
      },
      packages: { 'site-packages': 'uv.lock#explorer' },
    },
    command: ['python3', ...SERVER],
    env: {
      PYTHONPATH: '/app/site-packages:/app/apps/explorer:/app/libs/published',
      HOME: '/tmp',
    },
    health: pythonHealth,
  },
  // A page is a session in one process's memory.
  aws: fargate({ singleton: true }),
  route: { port: 'http', token: 'token' },
  memory: '1Gi',
});

async function planExplorer(context: PlanContext): Promise<ProcessPlan> {
  const { workspace } = context.stack;
  return {
    command: context.executable('python'),
    args: SERVER,
    sources: [
      ...['apps/explorer/stack_explorer', 'libs/published/published.py', 'uv.lock'].map((file) =>
        path.join(workspace, file),
      ),
    ],
  };
}
