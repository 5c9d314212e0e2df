import DataLoader from 'dataloader';
import type { FastifyInstance } from 'fastify';
import { buildSchema, graphql } from 'graphql';
import { isObject, type Json, type JsonObject } from '../model/json';
import { parseUrn } from '../model/urn';
import { type Filter, type Query, terms } from '../store/search';
import { lineageOf } from './lineage';
import { camelToSnake, pascal } from './graphql-names';
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

type Loader = DataLoader<string, Record<string, JsonObject>>;

/** `POST /api/graphql`: search, entities and lineage as DataHub's CLI and SDK ask for them. */
export function graphqlRoutes(server: FastifyInstance, context: Context): void {
  const { model, aspects, relationships, search } = context;
  const schema = buildSchema(schemaOf(model.entityTypes));
  const types = new Map(model.entityTypes.map((type) => [camelToSnake(type), type]));
  const typeOf = (name: string): string => types.get(name) ?? name;

  const queryOf = (input: SearchInput): Query => {
    const filter = ({ field, value, values, condition, negated }: RawFilter): Filter => ({
      field,
      values: values ?? (value === undefined ? [] : [value]),
      condition,
      negated: negated ?? false,
    });
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

  function resolvers(loader: Loader): Record<string, unknown> {
    const entity = (urn: string): Entity => new Entity(urn, context, loader);
    const found = async (input: SearchInput) => {
      const [start, count] = pageOf(input);
      const { total, hits } = await search.find(queryOf(input), start, count);
      const searchResults = hits.map(({ urn }) => ({
        entity: entity(urn),
        matchedFields: [],
        extraProperties: [],
      }));
      return { start, count: hits.length, total, searchResults, facets: [] };
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
      const known = isNegative ? new Set((await search.named(urns)).map(({ urn }) => urn)) : undefined;
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
        const searchResults = hits.map(({ urn }) => ({
          entity: entity(urn),
          matchedFields: [],
          extraProperties: [],
        }));
        const nextScrollId = hits.length === count && count > 0 ? hits.at(-1)!.urn : null;
        return {
          nextScrollId,
          count: hits.length,
          total: await search.count(query),
          searchResults,
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
      const loader: Loader = new DataLoader(async (urns) => {
        const byUrn = new Map<string, Record<string, JsonObject>>();
        for (const { urn, aspect, value } of await aspects.readAll(urns))
          byUrn.set(urn, { ...byUrn.get(urn), [aspect]: value });
        return urns.map((urn) => byUrn.get(urn) ?? {});
      });
      const { query: source, variables, operationName } = body;
      const answer = await graphql({
        schema,
        source,
        rootValue: resolvers(loader),
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

const text = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
const list = (value: Json | undefined): JsonObject[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** One entity, whose aspects are read when they are asked for. */
class Entity {
  private readonly parsed;

  constructor(
    readonly urn: string,
    private readonly context: Context,
    private readonly loader: Loader,
  ) {
    this.parsed = parseUrn(urn);
  }

  get __typename(): string {
    return pascal(this.parsed.type);
  }

  get type(): string {
    return camelToSnake(this.parsed.type);
  }

  exists = (): Promise<boolean> => this.context.aspects.exists(this.urn);

  private get key(): JsonObject {
    return this.context.model.keyOf(this.parsed).value;
  }

  private all(): Promise<Record<string, JsonObject>> {
    return this.loader.load(this.urn);
  }

  private other = (urn: string): Entity => new Entity(urn, this.context, this.loader);

  async name(): Promise<string | undefined> {
    const { name } = this.key;
    return (await this.merged()).name ?? text(name) ?? this.parsed.parts.at(-1);
  }

  username = (): string | undefined => text(this.key.username);
  origin = (): string | undefined => text(this.key.origin);
  jobId = (): string | undefined => text(this.key.jobId);
  flowId = (): string | undefined => text(this.key.flowId);
  cluster = (): string | undefined => text(this.key.cluster);
  dashboardId = (): string | undefined => text(this.key.dashboardId);
  chartId = (): string | undefined => text(this.key.chartId);
  tool = (): string | undefined => text(this.key.dashboardTool);
  fieldPath = (): string | undefined => text(this.key.fieldPath);
  subType = async (): Promise<string | undefined> => (await this.subTypes())?.typeNames[0];

  parent(): Entity | undefined {
    const parent = text(this.key.parent);
    return parent === undefined ? undefined : this.other(parent);
  }

  /** A platform's own, the URN in the key, or what runs it: `airflow` of a flow. */
  async platform(): Promise<Entity | undefined> {
    const { platform, orchestrator, dashboardTool, flow } = this.key;
    if (typeof flow === 'string') return this.other(flow).platform();
    const named = text(platform) ?? text(orchestrator) ?? text(dashboardTool);
    if (named) return this.other(named.startsWith('urn:') ? named : `urn:li:dataPlatform:${named}`);
    const found = text((await this.all()).dataPlatformInstance?.platform);
    return found === undefined ? undefined : this.other(found);
  }

  async dataPlatformInstance() {
    const platform = await this.platform();
    const urn = text((await this.all()).dataPlatformInstance?.instance);
    return platform && { urn, platform, instanceId: urn && parseUrn(urn).parts.at(-1) };
  }

  properties = () => this.merged();
  info = () => this.merged();
  editableProperties = () => this.merged('editable');

  /** What its `…Properties`, `…Info` and `editable…` say, what people wrote first. */
  private async merged(only = '') {
    const all = Object.entries(await this.all())
      .filter(([name]) => /(Properties|Info)$/.test(name) && name.startsWith(only))
      .sort(([a], [b]) => Number(b.startsWith('editable')) - Number(a.startsWith('editable')))
      .map(([, value]) => value);
    const first = (...fields: string[]): string | undefined =>
      fields.flatMap((field) => all.map((value) => text(value[field]))).find(Boolean);
    const custom = all.map(({ customProperties }) => customProperties).find(isObject) ?? {};
    return {
      name: first('name', 'title', 'displayName'),
      title: first('title', 'name'),
      displayName: first('displayName', 'name'),
      description: first('description', 'definition'),
      email: first('email'),
      qualifiedName: first('qualifiedName'),
      externalUrl: first('externalUrl', 'dashboardUrl', 'chartUrl'),
      colorHex: first('colorHex'),
      logoUrl: first('logoUrl'),
      customProperties: Object.entries(custom).map(([key, value]) => ({ key, value: String(value) })),
    };
  }

  tags = async () => this.tagsOf((await this.all()).globalTags);
  globalTags = () => this.tags();
  glossaryTerms = async () => this.termsOf((await this.all()).glossaryTerms);

  private tagsOf = (value: JsonObject | undefined) =>
    value && {
      tags: list(value.tags).map(({ tag }) => ({ tag: this.other(String(tag)), associatedUrn: this.urn })),
    };
  private termsOf = (value: JsonObject | undefined) =>
    value && {
      terms: list(value.terms).map(({ urn }) => ({ term: this.other(String(urn)), associatedUrn: this.urn })),
    };

  async ownership() {
    const { ownership } = await this.all();
    return (
      ownership && {
        owners: list(ownership.owners).map(({ owner, type, typeUrn }) => ({
          owner: this.other(String(owner)),
          type,
          associatedUrn: this.urn,
          ownershipType: typeof typeUrn === 'string' ? this.other(typeUrn) : undefined,
        })),
      }
    );
  }

  async domain() {
    const { domains } = await this.all();
    const [first] = Array.isArray(domains?.domains) ? domains.domains : [];
    return first === undefined ? undefined : { domain: this.other(String(first)), associatedUrn: this.urn };
  }

  async container(): Promise<Entity | undefined> {
    const found = text((await this.all()).container?.container);
    return found === undefined ? undefined : this.other(found);
  }

  status = async () => ({ removed: (await this.all()).status?.removed === true });
  deprecation = async () => (await this.all()).deprecation;
  subTypes = async () => (await this.all()).subTypes as { typeNames: string[] } | undefined;

  async schemaMetadata() {
    const { schemaMetadata, editableSchemaMetadata } = await this.all();
    const edited = new Map(
      list(editableSchemaMetadata?.editableSchemaFieldInfo).map((one) => [one.fieldPath, one]),
    );
    return (
      schemaMetadata && {
        name: schemaMetadata.schemaName,
        version: schemaMetadata.version,
        hash: schemaMetadata.hash,
        fields: list(schemaMetadata.fields).map((field) => {
          const more = edited.get(field.fieldPath ?? null);
          const tags = (value: Json | undefined) => this.tagsOf(isObject(value) ? value : undefined);
          const terms = (value: Json | undefined) => this.termsOf(isObject(value) ? value : undefined);
          return {
            ...field,
            type: typeName(field.type),
            description: text(more?.description) ?? field.description,
            tags: tags(field.globalTags),
            globalTags: tags(more?.globalTags ?? field.globalTags),
            glossaryTerms: terms(more?.glossaryTerms ?? field.glossaryTerms),
          };
        }),
      }
    );
  }

  async aspects({ input }: { input?: { aspectNames?: string[] } }) {
    const names = input?.aspectNames;
    return Object.entries(await this.all())
      .filter(([name]) => !names || names.includes(name))
      .map(([aspectName, value]) => ({ aspectName, payload: JSON.stringify(value) }));
  }

  async lineage({
    input,
  }: {
    input: { direction: 'UPSTREAM' | 'DOWNSTREAM'; start?: number; count?: number };
  }) {
    const { start = 0, count = 100, direction } = input;
    const { edges } = await this.context.relationships.lineage(this.urn, direction, 1);
    const all = edges.map(({ from, to, type }) => ({
      type,
      entity: this.other(direction === 'UPSTREAM' ? from : to),
      degree: 1,
    }));
    return {
      start,
      count: Math.min(count, all.length),
      total: all.length,
      relationships: all.slice(start, start + count),
    };
  }

  async relationships({
    input,
  }: {
    input: { types: string[]; direction: 'INCOMING' | 'OUTGOING'; start?: number; count?: number };
  }) {
    const { types, direction, start = 0, count = 100 } = input;
    const { total, page } = await this.context.relationships.of(this.urn, direction, types, start, count);
    const relationships = page.map(({ urn, type }) => ({ type, direction, entity: this.other(urn) }));
    return { start, count: page.length, total, relationships };
  }
}

/** `{"type": {"com.linkedin.schema.StringType": {}}}` → `STRING`. */
function typeName(type: Json | undefined): string | undefined {
  const inner = isObject(type) && isObject(type.type) ? Object.keys(type.type)[0] : undefined;
  return inner?.split('.').at(-1)?.replace(/Type$/, '').toUpperCase();
}
