import * as path from 'node:path';
import { fargate } from '@stack/ecs';
import {
  type PlanContext,
  type ProcessPlan,
  type RegistryEntry,
  defineService,
  generated,
  httpReady,
  nodeHealth,
  nodeProgram,
  own,
  stack,
  text,
} from '@stack/model';

/** What the user may set of questions, in the environment or in `.env`, when deploying. */
const ASK = ['ASK_PROVIDER', 'ASK_MODEL', 'ASK_BASE_URL', 'ASK_BUDGET'];

export const mcpServer = defineService({
  name: 'mcp-server',
  summary: 'The stack for AI assistants: MCP, and the same tools as REST',
  ports: { http: { number: 4300, protocol: 'http' } },
  secrets: {
    // reads; `operator` may also start and stop things; `signing` is the key of tokens that expire
    token: generated(),
    operator: generated(),
    signing: generated({ bytes: 32 }),
  },
  volumes: { config: '/config' },
  env: {
    HOST: stack.bind,
    STACK_NAME: stack.name,
    PORT: own.port('http'),
    API_TOKEN: own.secret('token'),
    OPERATOR_TOKEN: own.secret('operator'),
    SIGNING_KEY: own.secret('signing'),
    REGISTRY_FILE: text`${own.volume('config')}/registry.json`,
    // Of `make deploy`'s environment, or of .env: who else gives tokens for it, and the address that they are for.
    OAUTH_ISSUER: process.env.OAUTH_ISSUER ?? '',
    MCP_PUBLIC_URL: process.env.MCP_PUBLIC_URL ?? '',
    // The same: the model that answers questions (/v1/ask); the key is a file, so that no environment has it.
    ...Object.fromEntries(ASK.map((name) => [name, process.env[name] ?? ''])),
    ASK_KEY_FILE: text`${stack.dir}/secrets/mcp-server/ask_key`,
    MALLOC_ARENA_MAX: '2',
    NODE_OPTIONS: '--max-old-space-size=256',
  },
  gathers: 'mcp',
  mcp: { env: { SOCKET: stack.socket, LOGS: text`${stack.dir}/logs` } },
  ready: httpReady('http', '/health'),
  native: { plan: planServer },
  docker: {
    image: 'stack/mcp-server:dev',
    build: { from: 'node' },
    env: { ALLOWED_HOSTS: own.host('http') },
    health: nodeHealth,
    // It has no list of what is there; each service says for itself.
    apart: { env: { REGISTRY_FILE: '' } },
  },
  aws: fargate({ ephemeral: ['config'], env: { REGISTRY_FILE: '' } }),
  metrics: { port: 'http' },
  route: { port: 'http', path: '/v1', token: 'token' },
  memory: '384Mi',
  collect: {
    into: 'config',
    files: (registry) => ({ 'registry.json': JSON.stringify(registry.map(shown), null, 2) }),
  },
});

/** What the server has to know of a unit; nothing that changes with each deploy. */
const shown = ({ hash: _h, processes: _p, route: _r, metrics: _m, collects: _c, ...entry }: RegistryEntry) =>
  entry;

/** A client that starts it itself (stdio) finds the environment in a file, readable for its owner only. */
async function planServer(context: PlanContext): Promise<ProcessPlan> {
  context.write(
    path.join(context.volume('config'), 'environment.json'),
    JSON.stringify(context.env, null, 2),
    0o600,
  );
  return nodeProgram(context);
}
