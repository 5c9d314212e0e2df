import type { FastifyInstance } from 'fastify';
import { isObject } from '../model/json';
import { parseUrn } from '../model/urn';
import type { EdgeQuery, StoredEdge } from '../store/relationships';
import type { Query } from '../store/search';
import { badRequest, filtersOf, listOf, wholeOf } from './asked';
import { entitiesOf, isAsked } from './openapi';
import type { Context } from './routes';

interface Asked {
  Querystring: Record<string, string | string[] | undefined>;
  Body: unknown;
}

/** Most of one page. */
const MOST = 10_000;

/** `/openapi/v3/…/scroll`: page after page in an order that stays, from where `scrollId` says. */
export function scrollRoutes(server: FastifyInstance, context: Context): void {
  const { search, relationships } = context;
  const entities = entitiesOf(context);

  server.post<Asked>('/openapi/v3/entity/scroll', async ({ query, body }) => {
    const { entities: types, aspects, filter } = isObject(body) ? body : {};
    const asked: Query = {
      text: String(query.query ?? '*'),
      types: listOf(types),
      filters: clausesOf(filter).map(filtersOf),
      withRemoved: query.includeSoftDelete === 'true',
    };
    const count = countOf(query);
    const [after = ''] = placeOf(query.scrollId, 1);
    const hits = await search.scroll(asked, after, count);
    const urns = hits.map(({ urn }) => parseUrn(urn));
    const wanted = Array.isArray(aspects) && aspects.length > 0 ? listOf(aspects) : undefined;
    return {
      scrollId: idOf(hits.length === count && [hits.at(-1)!.urn]),
      entities:
        aspects === undefined
          ? urns.map(({ text }) => ({ urn: text }))
          : await entities(urns, wanted, isAsked(query)),
      totalCount: await search.count(asked),
    };
  });

  const edges = async (query: Asked['Querystring'], asked: Omit<EdgeQuery, 'types' | 'withRemoved'>) => {
    const count = countOf(query);
    const all: EdgeQuery = {
      ...asked,
      types: listOf(query.relationshipTypes),
      withRemoved: query.includeSoftDelete === 'true',
    };
    const found = await relationships.scroll(all, placeOf(query.scrollId, 3), count);
    const last = found.at(-1);
    return { found, scrollId: idOf(found.length === count && last && [last.source, last.type, last.target]) };
  };

  server.post<Asked>('/openapi/v3/relationship/scroll', async ({ query, body }) => {
    const { sourceFilter, destinationFilter, edgeFilter } = isObject(body) ? body : {};
    if (clausesOf(edgeFilter).length > 0)
      throw badRequest('edges have nothing that edgeFilter could ask for');
    const ends = {
      sources: urnsOf(sourceFilter, 'sourceFilter'),
      sourceTypes: listOf(query.sourceTypes),
      targets: urnsOf(destinationFilter, 'destinationFilter'),
      targetTypes: listOf(query.destinationTypes),
    };
    const turned = {
      sources: ends.targets,
      sourceTypes: ends.targetTypes,
      targets: ends.sources,
      targetTypes: ends.sourceTypes,
    };
    const { found, scrollId } = await edges(query, query.direction === 'INCOMING' ? turned : ends);
    return { scrollId, results: found.map(resultOf) };
  });

  server.post<Asked>('/openapi/v3/lineage/scroll', async ({ query, body }) => {
    const { urns } = isObject(body) ? body : {};
    const anchors = urns === undefined ? undefined : listOf(urns);
    const { found, scrollId } = await edges(query, { ofLineage: true, ends: anchors });
    const results = found.map((edge) => {
      const [upstream, downstream] =
        edge.lineage === 'up' ? [edge.target, edge.source] : [edge.source, edge.target];
      return { ...resultOf(edge), upstream, downstream };
    });
    // As DataHub does: after the page is cut, so that it may have fewer.
    const near = { UPSTREAM: 'downstream', DOWNSTREAM: 'upstream' } as const;
    const end = anchors?.length ? near[query.direction as keyof typeof near] : undefined;
    return { scrollId, results: end ? results.filter((edge) => anchors!.includes(edge[end])) : results };
  });
}

const countOf = (query: Asked['Querystring']): number => Math.min(MOST, wholeOf(query.count, 'count', 10, 1));

const end = (urn: string) => ({ urn, entityType: parseUrn(urn).type });
const resultOf = ({ source, type, target }: StoredEdge) => ({
  relationshipType: type,
  source: end(source),
  destination: end(target),
});

/** Any of these lists of criteria: the client writes `{"and": [{"criteria": […]}]}`. */
function clausesOf(filter: unknown): unknown[] {
  const clauses = isObject(filter) && Array.isArray(filter.and) ? filter.and.filter(isObject) : [];
  return clauses.map(({ criteria }) => criteria);
}

/** URNs that a filter of an edge's end names, undefined when it names none. @throws RequestError for any other filter */
function urnsOf(filter: unknown, name: string): string[] | undefined {
  const clauses = clausesOf(filter).map(filtersOf);
  if (clauses.length === 0) return undefined;
  return clauses.flatMap((criteria) => {
    const [{ field, values, condition = 'EQUAL', negated } = { field: '', values: [] }] = criteria;
    if (criteria.length !== 1 || field !== 'urn' || condition !== 'EQUAL' || negated)
      throw badRequest(`${name} names URNs: {"field": "urn", "values": […]}`);
    return values;
  });
}

const idOf = (place: readonly string[] | false | undefined): string | null =>
  place ? Buffer.from(JSON.stringify(place)).toString('base64url') : null;

/** Where a page begins: behind these. @throws RequestError when no page said so */
function placeOf(scrollId: unknown, parts: number): string[] {
  if (scrollId === undefined) return [];
  try {
    const place: unknown = JSON.parse(Buffer.from(String(scrollId), 'base64url').toString());
    if (Array.isArray(place) && place.length === parts && place.every((one) => typeof one === 'string'))
      return place;
  } catch {
    // said below
  }
  throw badRequest('scrollId is none that a page of this has given');
}
