import * as path from 'node:path';
import { duckdbHttp } from '@stack/duckdb-http';
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

const SETTINGS = 'apps/notebooks/jupyter';
const start = (workspace: string): string[] => [
  '-m',
  'jupyterlab',
  `--config=${workspace}/${SETTINGS}/jupyter_server_config.py`,
];

export const notebooks = defineService({
  name: 'notebooks',
  summary: 'JupyterLab: notebooks on the published data',
  ports: { http: { number: 8889, protocol: 'http' } },
  secrets: { token: generated() },
  volumes: { notebooks: '/notebooks', home: '/jupyter' },
  yours: ['notebooks'],
  env: {
    PUBLISHED_URL: duckdbHttp.url('http'),
    PUBLISHED_TOKEN: duckdbHttp.secret('token'),
    PYTHONPATH: text`${stack.workspace}/libs/published`,
    HOST: stack.bind,
    PORT: own.port('http'),
    JUPYTER_TOKEN: own.secret('token'),
    STACK_NAME: stack.name,
    NOTEBOOKS_DIR: own.volume('notebooks'),
    // Settings, workspaces and history are the stack's, not those of a Jupyter that its user has besides.
    JUPYTER_CONFIG_DIR: text`${own.volume('home')}/config`,
    JUPYTER_DATA_DIR: text`${own.volume('home')}/data`,
    JUPYTER_RUNTIME_DIR: text`${own.volume('home')}/runtime`,
    JUPYTER_CONFIG_PATH: text`${stack.workspace}/${SETTINGS}`,
    IPYTHONDIR: text`${own.volume('home')}/ipython`,
  },
  ready: httpReady('http', '/api'),
  native: { plan: planNotebooks },
  docker: {
    image: 'stack/notebooks:dev',
    build: {
      from: 'python',
      files: {
        [SETTINGS]: SETTINGS,
        'apps/notebooks/worked': 'apps/notebooks/worked',
        'libs/published': 'libs/published',
      },
      packages: { 'site-packages': 'uv.lock#notebooks' },
    },
    command: ['python3', ...start('/app')],
    env: {
      ALLOWED_HOSTS: own.host('http'),
      PYTHONPATH: '/app/site-packages:/app/libs/published',
      HOME: own.volume('home'),
      // Where packages have what they have beside their code.
      JUPYTER_PATH: '/app/site-packages/share/jupyter',
      JUPYTER_CONFIG_PATH: `/app/${SETTINGS}:/app/site-packages/etc/jupyter`,
      JUPYTERLAB_DIR: '/app/site-packages/share/jupyter/lab',
    },
    health: pythonHealth,
    apart: { none: 'runs whatever code its user types: it belongs beside them' },
    // Frames of a kernel.
    memory: '2Gi',
  },
  aws: { none: 'runs whatever code its user types: it belongs beside them' },
  route: { port: 'http', token: 'token' },
  memory: '512Mi',
});

async function planNotebooks(context: PlanContext): Promise<ProcessPlan> {
  const { workspace } = context.stack;
  return {
    command: context.executable('python'),
    args: start(workspace),
    cwd: context.volume('notebooks'),
    sources: [path.join(workspace, SETTINGS), path.join(workspace, 'uv.lock')],
  };
}
