import { RequestError } from '@stack/http-server';
import type { FastifyInstance } from 'fastify';
import { parseUrn } from '../model/urn';
import { entityView } from '../view/entity-view';
import { lineageGraph } from '../view/graph';
import type { Context } from './routes';

interface Asked {
  Params: { '*': string };
  Querystring: { direction: 'both' | 'upstream' | 'downstream'; depth: string; most: string };
}

const QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    direction: { enum: ['both', 'upstream', 'downstream'], default: 'both' },
    depth: { type: 'string', pattern: '^([1-9]|1[0-9]|20)$', default: '2' },
    most: { type: 'string', pattern: '^[1-9][0-9]{0,3}$', default: '2000' },
  },
};

/** `/view/…`: an entity, and a graph, as the page shows them. Aspects are DataHub's; what they are put into is this page's own. */
export function viewRoutes(server: FastifyInstance, context: Context): void {
  server.get<Asked>('/view/entity/*', async ({ params }) => {
    const urn = parseUrn(params['*']).text;
    const view = await entityView(context, urn);
    if (view) return view;
    throw new RequestError(404, 'not_found', `nothing was told of ${urn}`, {
      remedy: 'look for it by a part of its name',
    });
  });

  server.get<Asked>('/view/graph/*', { schema: { querystring: QUERY } }, async ({ params, query }) => {
    const directions = {
      both: ['UPSTREAM', 'DOWNSTREAM'],
      upstream: ['UPSTREAM'],
      downstream: ['DOWNSTREAM'],
    } as const;
    return lineageGraph(context, parseUrn(params['*']).text, {
      directions: directions[query.direction],
      depth: Number(query.depth),
      most: Number(query.most),
    });
  });
}
