import { timingSafeEqual } from 'node:crypto';
import { RequestError, answerError, secretCommand, servePage } from '@stack/http-server';
import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify';
import type { Model } from '../model/model';
import type { Settings } from '../settings';
import type { Aspects } from '../store/aspects';
import type { Events } from '../store/events';
import type { Export } from '../store/export';
import type { Relationships } from '../store/relationships';
import type { Search } from '../store/search';
import { refusalOf } from './asked';
import { aspectRoutes } from './aspects';
import { entityRoutes } from './entities';
import { exportRoutes } from './export';
import { graphqlRoutes } from './graphql';
import { openapiRoutes } from './openapi';
import { scrollRoutes } from './scroll';
import { timelineRoutes } from './timeline';
import { viewRoutes } from './view';

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

/** Addresses of entities in DataHub's own pages, where they aren't named by their type. */
const PAGES = ['tasks', 'pipelines', 'user', 'group'];

/** DataHub's addresses, with a token, and the page. */
export async function routes(server: FastifyInstance, context: Context): Promise<void> {
  const authorize = authorizer(context.settings.apiToken);
  await servePage(server, {
    unit: 'catalog',
    dir: context.settings.pageDir,
    addresses: ['/', ...[...context.model.entityTypes, ...PAGES].map((name) => `/${name}/*`)],
    prefix: '/page/',
  });
  server.get('/health', async () => {
    await context.aspects.exists(ACTOR);
    return { status: 'ok' };
  });
  server.register(async (scope) => {
    scope.addHook('onRequest', authorize);
    scope.setErrorHandler((error, request, reply) =>
      answerError(refusalOf(error) as FastifyError, request, reply),
    );
    scope.get('/config', async () => CONFIG);
    for (const add of [
      aspectRoutes,
      entityRoutes,
      openapiRoutes,
      scrollRoutes,
      timelineRoutes,
      graphqlRoutes,
      exportRoutes,
      viewRoutes,
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
