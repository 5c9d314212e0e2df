/** The server's addresses that the page asks. */
import type { Session } from '@stack/page';
import type { EntityView, Graph } from '../src/view/types';
import { TYPES } from './names';

export interface Hit {
  urn: string;
  type: string;
  name?: string;
  properties?: { name?: string; title?: string; displayName?: string; description?: string };
  editableProperties?: { description?: string };
  platform?: { urn: string };
  subTypes?: { typeNames?: string[] };
  tags?: { tags: { tag: { urn: string } }[] };
  ownership?: { owners: { owner: { urn: string } }[] };
  deprecation?: { deprecated: boolean };
}

export interface Found {
  total: number;
  facets: { field: string; displayName: string; aggregations: { value: string; count: number }[] }[];
  hits: Hit[];
}

export interface Change {
  timestamp: number;
  changeEvents: { category: string; operation: string; description: string; semVerChange: string }[];
}

const FIELDS = `name properties { name title displayName description } editableProperties { description } platform { urn }
  subTypes { typeNames } tags { tags { tag { urn } } } ownership { owners { owner { urn } } } deprecation { deprecated }`;

/** `DATA_JOB` → `DataJob`, as GraphQL names the type. */
const pascal = (type: string): string =>
  type === 'MLMODEL'
    ? 'MLModel'
    : type.toLowerCase().replace(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase());

const ENTITY = `urn type ${Object.keys(TYPES)
  .map((type) => `... on ${pascal(type)} { ${FIELDS} }`)
  .join(' ')}`;

export class Api {
  constructor(private readonly session: Session) {}

  async search(text: string, filters: Record<string, string>, start: number, count: number): Promise<Found> {
    const given = Object.entries(filters).map(([field, value]) => ({ field, values: [value] }));
    const input = {
      query: text || '*',
      types: Object.keys(TYPES),
      start,
      count,
      orFilters: given.length > 0 ? [{ and: given }] : undefined,
    };
    const { found } = await this.graphql<{
      found: Omit<Found, 'hits'> & { searchResults: { entity: Hit }[] };
    }>(
      `query ($input: SearchAcrossEntitiesInput!) { found: searchAcrossEntities(input: $input) {
         total facets { field displayName aggregations { value count } } searchResults { entity { ${ENTITY} } } } }`,
      { input },
    );
    return { ...found, hits: found.searchResults.map(({ entity }) => entity) };
  }

  async owners(urns: readonly string[]): Promise<Map<string, string[]>> {
    const { entities } = await this.graphql<{ entities: Hit[] }>(
      `query ($urns: [String!]!) { entities(urns: $urns) { ${ENTITY} } }`,
      { urns },
    );
    return new Map(
      entities.map(({ urn, ownership }) => [urn, ownership?.owners.map(({ owner }) => owner.urn) ?? []]),
    );
  }

  entity = (urn: string): Promise<EntityView> => this.json(`/view/entity/${encodeURIComponent(urn)}`);

  /** @param depth steps, at most 20 */
  graph = (urn: string, direction: string, depth: number): Promise<Graph> =>
    this.json(`/view/graph/${encodeURIComponent(urn)}?direction=${direction}&depth=${depth}`);

  history = (urn: string): Promise<Change[]> =>
    this.json(
      `/openapi/v2/timeline/v1/${encodeURIComponent(urn)}?categories=TECHNICAL_SCHEMA,DOCUMENTATION,TAG,GLOSSARY_TERM,OWNER,DOMAIN`,
    );

  private async json<T>(path: string): Promise<T> {
    return (await this.session.ask(path)).json() as Promise<T>;
  }

  private async graphql<T>(query: string, variables: object): Promise<T> {
    const answer = await this.session.ask('/api/graphql', {
      method: 'POST',
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await answer.json()) as { data?: T; errors?: { message: string }[] };
    if (!data || errors?.length) throw new Error(errors?.[0]?.message ?? 'the answer is empty');
    return data;
  }
}
