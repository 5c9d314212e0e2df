import { timingSafeEqual } from 'node:crypto';
import { RequestError, secretCommand } from '@stack/http-server';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Model } from '../model/model';
import type { Settings } from '../settings';
import type { Aspects } from '../store/aspects';
import type { Events } from '../store/events';
import type { Export } from '../store/export';
import type { Relationships } from '../store/relationships';
import type { Search } from '../store/search';
import { aspectRoutes } from './aspects';
import { entityRoutes } from './entities';
import { exportRoutes } from './export';
import { graphqlRoutes } from './graphql';
import { openapiRoutes } from './openapi';
import { timelineRoutes } from './timeline';

export interface Context {
  settings: Settings;
  model: Model;
  aspects: Aspects;
  events: Events;
  relationships: Relationships;
  search: Search;
  exported: Export;
}

/** Who writes, until there are tokens of more than one. */
export const ACTOR = 'urn:li:corpuser:datahub';

/**
 * What the client asks first. It must find a version of DataHub that it knows; a patch is always possible, and old entities
 * can't be there.
 */
const CONFIG = {
  noCode: 'true',
  statefulIngestionCapable: true,
  patchCapable: true,
  versions: { 'acryldata/datahub': { version: 'v1.0.0' } },
  datahub: { serverType: 'prod', serverEnv: 'core' },
  telemetry: { enabledCli: false, enabledIngestion: false, enabledServer: false },
  managedIngestion: { enabled: false },
};

/** What a browser that was sent here is told. */
const GUIDE = {
  service: "catalog: DataHub's API, for its clients (acryl-datahub) and its command line",
  use: 'DATAHUB_GMS_URL=<this address> DATAHUB_GMS_TOKEN=<token> datahub get --urn <urn>',
  token: `${secretCommand('catalog', 'token')} prints it`,
  health: '/health needs no token',
};

/** DataHub's addresses, with a token. */
export function routes(server: FastifyInstance, context: Context): void {
  const authorize = authorizer(context.settings.apiToken);
  server.get('/', async () => GUIDE);
  server.get('/health', async () => {
    await context.aspects.exists(ACTOR);
    return { status: 'ok' };
  });
  server.register(async (scope) => {
    scope.addHook('onRequest', authorize);
    scope.get('/config', async () => CONFIG);
    for (const add of [
      aspectRoutes,
      entityRoutes,
      openapiRoutes,
      timelineRoutes,
      graphqlRoutes,
      exportRoutes,
    ])
      add(scope, context);
  });
}

function authorizer(token: string): (request: FastifyRequest) => Promise<void> {
  const expected = Buffer.from(`Bearer ${token}`);
  return async ({ headers }) => {
    const given = Buffer.from(headers.authorization ?? '');
    if (given.length === expected.length && timingSafeEqual(given, expected)) return;
    throw new RequestError(
      401,
      'unauthorized',
      given.length === 0 ? 'no token was sent' : 'the token is not this server’s',
      {
        remedy: `send Authorization: Bearer <token>; \`${secretCommand('catalog', 'token')}\` prints it`,
        headers: { 'www-authenticate': 'Bearer' },
      },
    );
  };
}
