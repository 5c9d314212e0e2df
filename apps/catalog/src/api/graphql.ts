import type { FastifyInstance } from 'fastify';
import { type DocumentNode, GraphQLError, buildSchema, execute, parse, validate } from 'graphql';
import { parseUrn } from '../model/urn';
import { type Filter, type Query, terms } from '../store/search';
import { lineageOf } from './lineage';
import { Entity, type Loaders, loadersOf } from './graphql-entity';
import { camelToSnake } from './graphql-names';
import { schemaOf } from './graphql-schema';
import { ACTOR, type Context } from './routes';

interface Asked {
  query: string;
  variables?: Record<string, unknown>;
  operationName?: string;
}

interface SearchInput {
  urn?: string;
  query?: string;
  type?: string;
  types?: string[];
  start?: number;
  count?: number;
  scrollId?: string;
  direction?: 'UPSTREAM' | 'DOWNSTREAM';
  filters?: RawFilter[];
  orFilters?: { and?: RawFilter[] }[];
  searchFlags?: { includeSoftDeleted?: boolean; fetchExtraFields?: string[] };
}

interface RawFilter {
  field: string;
  value?: string;
  values?: string[];
  condition?: string;
  negated?: boolean;
}

/** Most of one answer. */
const MOST = 10_000;
/** What comes after the third step is `3+`; there is an end all the same. */
const FURTHEST = 20;

/** What hits are counted by. */
const FACETS: Record<string, string> = { _entityType: 'Type', platform: 'Platform' };
/** Different queries that are remembered, parsed and compared with the schema: clients send the same few with other variables. */
const REMEMBERED = 100;

/** `POST /api/graphql`: search, entities and lineage as DataHub's CLI and SDK ask for them. */
export function graphqlRoutes(server: FastifyInstance, context: Context): void {
  const { model, aspects, relationships, search } = context;
  const schema = buildSchema(schemaOf(model.entityTypes));
  const remembered = new Map<string, DocumentNode>();
  /** @throws GraphQLError[] what is wrong with the query */
  const documentOf = (source: string): DocumentNode => {
    const known = remembered.get(source);
    if (known) return known;
    const document = parse(source);
    const errors = validate(schema, document);
    if (errors.length > 0) throw errors;
    if (remembered.size >= REMEMBERED) remembered.delete(remembered.keys().next().value!);
    remembered.set(source, document);
    return document;
  };
  const types = new Map(model.entityTypes.map((type) => [camelToSnake(type), type]));
  const typeOf = (name: string): string => types.get(name) ?? name;

  const queryOf = (input: SearchInput): Query => {
    const filter = ({ field, value, values, condition, negated = false }: RawFilter): Filter => {
      const given = values ?? (value === undefined ? [] : [value]);
      return { field, values: field === '_entityType' ? given.map(typeOf) : given, condition, negated };
    };
    const all = (input.filters ?? []).map(filter);
    const any = (input.orFilters ?? []).map(({ and }) => (and ?? []).map(filter));
    return {
      text: input.query,
      types: (input.types ?? (input.type ? [input.type] : [])).map(typeOf),
      filters: any.length > 0 ? any.map((one) => [...one, ...all]) : all.length > 0 ? [all] : [],
      withRemoved: input.searchFlags?.includeSoftDeleted,
    };
  };
  const pageOf = ({ start = 0, count = 10 }: SearchInput): [number, number] => [
    Math.max(0, start),
    Math.min(MOST, Math.max(0, count)),
  ];

  function resolvers(loaders: Loaders): Record<string, unknown> {
    const entity = (urn: string): Entity => new Entity(urn, context, loaders);
    const resultsOf = (hits: readonly { urn: string }[]) =>
      hits.map(({ urn }) => ({ entity: entity(urn), matchedFields: [], extraProperties: [] }));
    const found = async (input: SearchInput) => {
      const [start, count] = pageOf(input);
      const query = queryOf(input);
      const { total, hits } = await search.find(query, start, count);
      return {
        start,
        count: hits.length,
        total,
        searchResults: resultsOf(hits),
        facets: () => facetsOf(query),
      };
    };
    const facetsOf = async (query: Query) => {
      const all = await search.facets(query);
      return [...new Set(all.map(({ field }) => field))].map((field) => ({
        field,
        displayName: FACETS[field],
        aggregations: all
          .filter((one) => one.field === field)
          .map(({ value, count }) => ({
            value: field === '_entityType' ? camelToSnake(value) : value,
            count,
          })),
      }));
    };
    const alongLineage = async (input: SearchInput) => {
      const [start, count] = input.scrollId ? [Number(input.scrollId) || 0, pageOf(input)[1]] : pageOf(input);
      const { filters = [], ...query } = queryOf(input);
      const degrees = new Set(
        filters
          .flat()
          .filter(({ field }) => field === 'degree')
          .flatMap(({ values }) => values),
      );
      const depth =
        degrees.size === 0 || degrees.has('3+') ? FURTHEST : Math.max(...[...degrees].map(Number));
      const all = await lineageOf(relationships, parseUrn(input.urn).text, input.direction!, depth);
      const isAsked = (degree: number): boolean =>
        degrees.size === 0 || degrees.has(degree > 2 ? '3+' : String(degree));
      const rest = filters
        .map((one) => one.filter(({ field }) => field !== 'degree'))
        .filter((one) => one.length > 0);
      const near = all
        .filter(({ degree }) => isAsked(degree))
        .filter(({ urn }) => !query.types?.length || query.types.includes(parseUrn(urn).type));
      const isAll = rest.length === 0 && (!query.text || query.text === '*');
      const hits = isAll ? near : await matching({ ...query, filters: rest }, near);
      const page = hits.slice(start, start + count);
      return {
        start,
        count: page.length,
        total: hits.length,
        nextScrollId: start + count < hits.length ? String(start + count) : null,
        searchResults: page.map(({ urn, degree, path }) => ({
          entity: entity(urn),
          degree,
          degrees: [degree],
          paths: parseUrn(urn).type === 'schemaField' ? [{ path: path.map(entity) }] : [],
          matchedFields: [],
        })),
        facets: [],
      };
    };
    /** Columns and what nobody wrote of have nothing to compare: they only pass what is asked not to be. */
    const matching = async <R extends { urn: string }>(query: Query, all: R[]): Promise<R[]> => {
      const urns = all.map(({ urn }) => urn);
      const filters = (query.filters?.length ? query.filters : [[]]).map((one) => [
        ...one,
        { field: 'urn', values: urns },
      ]);
      const fit = new Set((await search.find({ ...query, filters }, 0, MOST)).hits.map(({ urn }) => urn));
      const isNegative =
        terms(query.text).length === 0 && query.filters?.flat().every(({ negated }) => negated);
      const known = isNegative ? await search.known(urns) : undefined;
      return all.filter(({ urn }) => fit.has(urn) || (known && !known.has(urn)));
    };
    const one = ({ urn }: { urn: string }): Entity => entity(parseUrn(urn).text);
    return {
      ...Object.fromEntries(Object.keys(schema.getQueryType()!.getFields()).map((name) => [name, one])),
      entity: one,
      entities: ({ urns }: { urns: string[] }) => urns.map((urn) => entity(parseUrn(urn).text)),
      search: ({ input }: { input: SearchInput }) => found(input),
      searchAcrossEntities: ({ input }: { input: SearchInput }) => found(input),
      scrollAcrossEntities: async ({ input }: { input: SearchInput }) => {
        const [, count] = pageOf(input);
        const query = queryOf(input);
        const hits = await search.scroll(query, input.scrollId ?? '', count);
        const nextScrollId = hits.length === count && count > 0 ? hits.at(-1)!.urn : null;
        return {
          nextScrollId,
          count: hits.length,
          total: await search.count(query),
          searchResults: resultsOf(hits),
          facets: [],
        };
      },
      searchAcrossLineage: ({ input }: { input: SearchInput }) => alongLineage(input),
      scrollAcrossLineage: ({ input }: { input: SearchInput }) => alongLineage(input),
      appConfig: () => ({ appVersion: 'v1.0.0' }),
      me: () => ({ corpUser: entity(ACTOR) }),
    };
  }

  server.post<{ Body: Asked }>(
    '/api/graphql',
    {
      schema: {
        body: {
          type: 'object',
          required: ['query'],
          properties: {
            query: { type: 'string' },
            variables: { type: ['object', 'null'] },
            operationName: { type: ['string', 'null'] },
          },
        },
      },
    },
    async ({ body, log }) => {
      const { query: source, variables, operationName } = body;
      let document: DocumentNode;
      try {
        document = documentOf(source);
      } catch (error) {
        if (error instanceof GraphQLError) return { errors: [error] };
        if (Array.isArray(error)) return { errors: error as GraphQLError[] };
        throw error;
      }
      const answer = await execute({
        schema,
        document,
        rootValue: resolvers(loadersOf(aspects)),
        variableValues: variables ?? undefined,
        operationName,
        typeResolver: (value: unknown) => (value instanceof Entity ? value.__typename : undefined),
      });
      for (const { originalError } of answer.errors ?? [])
        if (originalError && originalError.name !== 'RequestError')
          log.error({ err: originalError }, 'a GraphQL query failed');
      return answer;
    },
  );
}
