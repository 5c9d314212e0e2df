import { secretCommand } from '@stack/http-server';
import type { FastifyInstance } from 'fastify';
import type { Asking } from '../connectors/ask';
import type { Settings } from '../settings';
import type { Jobs } from '../store/jobs';
import type { Objects } from '../store/objects';
import type { Queue } from '../sync/queue';
import { configurationRoutes } from './configuration';
import { connectionRoutes } from './connections';
import { destinationRoutes } from './destinations';
import { jobRoutes } from './jobs';
import { sourceRoutes } from './sources';
import { Tokens, tokenRoutes } from './tokens';
import { workspaceRoutes } from './workspaces';

export interface Context {
  settings: Settings;
  objects: Objects;
  jobs: Jobs;
  asking: Asking;
  queue: Queue;
  /** Fulfilled when the objects of the first start are there. */
  seeded: Promise<void>;
}

/** What a browser that was sent here is told. */
const GUIDE = {
  service: "ingestion: Airbyte's public API at /api/public/v1, its connectors, the warehouse as destination",
  token: 'POST {"client_id": …, "client_secret": …} to /api/public/v1/applications/token',
  secrets: `${secretCommand('ingestion', 'client_id')} (and k=client_secret) prints them`,
  health: '/health needs no token',
};

/** Health and tokens for everybody; the public and the configuration API with a token. */
export function routes(server: FastifyInstance, context: Context): void {
  const tokens = new Tokens(context.settings);
  server.get('/', async () => GUIDE);
  server.get('/health', async () => ({ status: 'ok', jobs: await context.jobs.counts() }));
  server.get('/api/public/v1/health', async (_request, reply) =>
    reply.type('text/plain').send('Successful operation'),
  );
  server.get('/api/v1/health', async () => ({ available: true }));
  tokenRoutes(server, tokens);

  const guarded = (register: (scope: FastifyInstance) => void) => async (scope: FastifyInstance) => {
    scope.addHook('onRequest', tokens.authorize);
    scope.addHook('onRequest', () => context.seeded);
    register(scope);
  };
  server.register(
    guarded((scope) => {
      for (const add of [workspaceRoutes, sourceRoutes, destinationRoutes, connectionRoutes, jobRoutes])
        add(scope, context);
    }),
    { prefix: '/api/public/v1' },
  );
  server.register(
    guarded((scope) => configurationRoutes(scope, context)),
    { prefix: '/api/v1' },
  );
}
