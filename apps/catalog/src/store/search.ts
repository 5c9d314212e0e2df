import { RequestError } from '@stack/http-server';
import type { Database } from '@stack/postgres/client';
import { words } from './index-part';

export interface Filter {
  field: string;
  values: string[];
  /** @default EQUAL */
  condition?: string;
  negated?: boolean;
}

export interface Query {
  /** Words, or `*` and nothing for all. */
  text?: string;
  types?: readonly string[];
  /** Any of these lists, all of each. */
  filters?: readonly (readonly Filter[])[];
  /** Those that were removed softly, too. */
  withRemoved?: boolean;
}

export interface Hit {
  urn: string;
  type: string;
  name: string;
}

export interface Facet {
  /** As filters name it. */
  field: string;
  value: string;
  count: number;
}

/** As many are counted; of more, that there are more. */
export const COUNTED = 10_000;
/** As many of those that have the words are counted and ranked; and all that are named by them. */
const RANKED = 1_000;

/** Finds entities. */
export class Search {
  constructor(private readonly database: Pick<Database, 'rows'>) {}

  /** The best first: who has the words as its name, then whose name begins with them, then by where the words are. */
  async find(query: Query, start: number, count: number): Promise<{ total: number; hits: Hit[] }> {
    const values: unknown[] = [];
    const asked = terms(query.text);
    const where = conditions(query, values);
    if (asked.length === 0) {
      const hits = await this.database.rows<Hit>(
        `select urn, type, name from entities where ${where}
         order by type, urn offset $${values.push(start)} limit $${values.push(count)}`,
        values,
      );
      return { total: await this.count(query), hits };
    }
    const most = Math.max(RANKED, start + count);
    const tsquery = tsqueryOf(asked, values);
    const text = `$${values.push((query.text ?? '').trim().toLowerCase())}`;
    const hits = await this.database.rows<Hit & { total: string }>(
      `with exact as (select urn, type, name, 1 as rank from entities where ${where} and lower(name) = ${text} limit ${most}),
       found as materialized (
         select urn, type, name, ts_rank('{0.05, 0.2, 0.4, 1.0}', words, ${tsquery}, 1) as rank
         from entities where ${where} and words @@ ${tsquery} limit ${most})
       select urn, type, name, (select count(*) from found) as total
       from (select * from exact union all select * from found where lower(name) <> ${text}) hits
       order by (lower(name) = ${text}) desc, starts_with(lower(name), ${text}) desc, rank desc, length(name), urn
       offset $${values.push(start)} limit $${values.push(count)}`,
      values,
    );
    // Where the page is none, nothing says how many there are.
    const total = hits[0] ? Number(hits[0].total) : start > 0 || count === 0 ? await this.count(query) : 0;
    return { total, hits: hits.map(({ urn, type, name }) => ({ urn, type, name })) };
  }

  /** The next in the order of URNs. @param after the last of the page before */
  scroll(query: Query, after: string, count: number): Promise<Hit[]> {
    const values: unknown[] = [];
    return this.database.rows<Hit>(
      `select urn, type, name from entities where ${matching(query, values)} and urn > $${values.push(after)}
       order by urn limit $${values.push(count)}`,
      values,
    );
  }

  /** @returns COUNTED when there are more */
  async count(query: Query): Promise<number> {
    const values: unknown[] = [];
    const [row] = await this.database.rows<{ n: string }>(
      `select count(*) as n from (select from entities where ${matching(query, values)} limit ${COUNTED}) found`,
      values,
    );
    return Number(row?.n);
  }

  /** How many hits have which type and platform, the most first; of the first COUNTED. */
  facets(query: Query): Promise<Facet[]> {
    const values: unknown[] = [];
    return this.database.rows<Facet>(
      `with found as materialized (select type, jsonb_path_query_array(fields, '$[*].platform[*]') as platforms from entities
         where ${matching(query, values)} limit ${COUNTED})
       select '_entityType' as field, type as value, count(*)::int as count from found group by 2
       union all select 'platform', p, count(*)::int from found, jsonb_array_elements_text(platforms) p group by 2
       order by 1, 3 desc, 2`,
      values,
    );
  }

  /** Names and kinds of those of some URNs that there are entities of. */
  async named(urns: readonly string[]): Promise<Map<string, { name: string; kind?: string }>> {
    const rows = await this.database.rows<{ urn: string; name: string; kind: string | null }>(
      `select urn, name, jsonb_path_query_first(fields, '$[*].typeNames[0]') #>> '{}' as kind from entities where urn = any($1)`,
      [urns],
    );
    return new Map(rows.map(({ urn, name, kind }) => [urn, { name, kind: kind ?? undefined }]));
  }

  /** Those of some URNs that there are entities of. */
  async known(urns: readonly string[]): Promise<Set<string>> {
    const rows = await this.database.rows<{ urn: string }>('select urn from entities where urn = any($1)', [
      urns,
    ]);
    return new Set(rows.map(({ urn }) => urn));
  }
}

/** Words to look for. */
export const terms = (text = ''): string[] => words(text).slice(0, 16);

/** They all; the last, which may not be written to its end yet, as the beginning of a word. */
const tsqueryOf = (asked: readonly string[], values: unknown[]): string =>
  `$${values.push(`${asked.map((word) => `'${word}'`).join(' & ')}:*`)}::tsquery`;

/** What each hit fulfils. */
function matching(query: Query, values: unknown[]): string {
  const where = conditions(query, values);
  const asked = terms(query.text);
  return asked.length === 0 ? where : `${where} and words @@ ${tsqueryOf(asked, values)}`;
}

/** Fields whose values are kept under another name. */
const ALIASES: Record<string, string> = { env: 'origin' };

function conditions(query: Query, values: unknown[]): string {
  const all: string[] = [];
  if (query.types && query.types.length > 0) all.push(`type = any($${values.push(query.types)})`);
  const any = (query.filters ?? []).map(
    (filters) => filters.map((filter) => condition(filter, values)).join(' and ') || 'true',
  );
  if (any.length > 0) all.push(`(${any.map((one) => `(${one})`).join(' or ')})`);
  const asksRemoved = (query.filters ?? []).flat().some(({ field }) => field === 'removed');
  if (!query.withRemoved && !asksRemoved) all.push('not removed');
  return all.join(' and ') || 'true';
}

function condition(filter: Filter, values: unknown[]): string {
  const field = (ALIASES[filter.field] ?? filter.field).replace(/\.keyword$/, '');
  const positive = (): string => {
    if (field === 'removed') {
      const value = filter.values[0] ?? 'false';
      if (value !== 'true' && value !== 'false')
        throw new RequestError(400, 'invalid_request', `removed is ${value}`, {
          remedy: 'send true or false',
        });
      return `removed = ($${values.push(value)})::boolean`;
    }
    if (field === 'urn') return `urn = any($${values.push(filter.values)})`;
    if (field === '_entityType') return `type = any($${values.push(filter.values)})`;
    const path = (each = ''): string => `$${values.push(`$[*].${JSON.stringify(field)}${each}`)}::jsonpath`;
    const given = (): string => `jsonb_array_elements_text(jsonb_path_query_array(fields, ${path('[*]')})) v`;
    switch (filter.condition ?? 'EQUAL') {
      case 'EXISTS':
        return `fields @? ${path()}`;
      case 'CONTAIN':
        return `exists (select from ${given()} where v ilike any($${values.push(filter.values.map((one) => `%${like(one)}%`))}))`;
      case 'START_WITH':
        return `exists (select from ${given()} where v ilike any($${values.push(filter.values.map((one) => `${like(one)}%`))}))`;
      case 'GREATER_THAN':
      case 'GREATER_THAN_OR_EQUAL_TO':
      case 'LESS_THAN':
      case 'LESS_THAN_OR_EQUAL_TO': {
        const sign = filter.condition!.startsWith('GREATER') ? '>' : '<';
        const equal = filter.condition!.endsWith('EQUAL_TO') ? '=' : '';
        return `exists (select from ${given()} where v ~ '^-?[0-9.]+$' and v::numeric ${sign}${equal} ($${values.push(filter.values[0] ?? '0')})::numeric)`;
      }
      default: {
        // Each by itself, for the index.
        const one = filter.values.map(
          (value) => `fields @> $${values.push(JSON.stringify([{ [field]: [value] }]))}::jsonb`,
        );
        return `(${one.join(' or ') || 'false'})`;
      }
    }
  };
  return filter.negated ? `not coalesce(${positive()}, false)` : positive();
}

const like = (text: string): string => text.replace(/[\\%_]/g, '\\$&');
