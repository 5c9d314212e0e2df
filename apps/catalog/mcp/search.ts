import { type Next, cursorOf, more, offsetOf, paged, tool } from '@stack/mcp';
import { z } from 'zod';
import {
  NAMES,
  type Named,
  TYPES,
  type Type,
  graph,
  nameOf,
  parseUrn,
  platformIn,
  propertiesOf,
} from './datahub';

export const urnField = z
  .string()
  .min(1)
  .max(2_000)
  .describe(
    'URN of an entity, as catalog_search gives them: "urn:li:dataset:(urn:li:dataPlatform:dbt,…,PROD)"',
  );

export const entityShape = z.object({
  urn: z.string(),
  type: z.string().describe('as in its URN: dataset, dataJob, dashboard …'),
  name: z.string(),
  platform: z.string().optional(),
  kind: z.string().optional().describe('"Model", "Table", "File" …'),
});

export function told(entity: Named): z.output<typeof entityShape> {
  const platform = entity.platform?.name ?? platformIn(entity.urn);
  const kind = entity.subTypes?.typeNames?.[0];
  return {
    urn: entity.urn,
    type: parseUrn(entity.urn).type,
    name: nameOf(entity),
    ...(platform && { platform: platform.split(':').at(-1)! }),
    ...(kind && { kind }),
  };
}

const SEARCH = `query search($input: SearchAcrossEntitiesInput!) {
  searchAcrossEntities(input: $input) {
    start count total
    searchResults { entity { urn type ${NAMES} } }
    facets { field aggregations { value count } }
  }
}`;

interface Found {
  readonly searchAcrossEntities: {
    readonly total: number;
    readonly searchResults: readonly { readonly entity: Named }[];
    readonly facets?: readonly {
      readonly field: string;
      readonly aggregations: readonly { readonly value: string; readonly count: number }[];
    }[];
  };
}

/** Characters of a description in a list. */
const SHORT = 300;
/** Hits that can be paged through; DataHub's own bound. */
const MOST = 10_000;

export const catalogSearch = tool({
  name: 'catalog_search',
  title: 'Search the catalogue',
  description:
    'Finds tables, files, jobs, dashboards, tags, owners in the catalogue by words of their names, columns, descriptions and tags, and gives their URNs, ' +
    'which the other catalog tools take. A table of the warehouse is there twice, by dbt (with descriptions) and by the engine (duckdb, snowflake); lineage joins them. ' +
    'For the SQL and tests of a model take dbt_models, for rows data_tables.',
  input: z.object({
    query: z.string().min(1).max(500).describe('words; the last may be a beginning; "*" for all'),
    type: z
      .enum(Object.keys(TYPES) as [Type, ...Type[]])
      .optional()
      .describe('only entities of this type'),
    platform: z
      .string()
      .min(1)
      .max(100)
      .regex(/^[\w.-]+$/)
      .optional()
      .describe('only of this platform: "dbt", "duckdb", "dagster", "file"'),
    ...paged,
  }),
  output: z.object({
    hits: z.array(
      entityShape.extend({
        description: z.string().optional(),
        truncated: z.literal(true).optional().describe('the description is longer: catalog_entity'),
      }),
    ),
    byType: z.record(z.string(), z.number()).describe('how many fit, by type'),
    byPlatform: z.record(z.string(), z.number()),
    ...more,
  }),
  run: async ({ query, type, platform, limit, cursor }, context) => {
    const start = offsetOf(cursor);
    const input = {
      query,
      start,
      count: limit,
      ...(type && { types: [TYPES[type]] }),
      ...(platform && {
        orFilters: [
          { and: [{ field: 'platform', values: [`urn:li:dataPlatform:${platform}`], condition: 'EQUAL' }] },
        ],
      }),
    };
    const { searchAcrossEntities: found } = await graph<Found>(context, SEARCH, { input });
    const { total } = found;
    const hits = found.searchResults.map(({ entity }) => {
      const description = propertiesOf(entity).description ?? undefined;
      return {
        ...told(entity),
        ...(description && { description: description.slice(0, SHORT) }),
        ...(description && description.length > SHORT && { truncated: true as const }),
      };
    });
    const counts = (wanted: readonly string[]) =>
      Object.fromEntries(
        (found.facets ?? [])
          .filter(({ field }) => wanted.includes(field))
          .flatMap(({ aggregations }) =>
            aggregations.map(({ value, count }) => [typeName(value), count] as const),
          ),
      );
    const reached = start + hits.length;
    const nextCursor = hits.length > 0 && reached < Math.min(total, MOST) ? cursorOf(reached) : undefined;
    const first = hits.find((hit) => hit.type === 'dataset') ?? hits[0];
    const narrowed = { query, ...(type && { type }), ...(platform && { platform }) };
    const next: Next[] = [
      ...(first
        ? [
            {
              tool: 'catalog_entity',
              arguments: { urn: first.urn },
              why: 'its columns, owners, tags and checks',
            },
          ]
        : []),
      ...(first && ['dataset', 'dataJob', 'dashboard', 'chart'].includes(first.type)
        ? [
            {
              tool: 'catalog_lineage',
              arguments: {
                urn: first.urn,
                direction: first.type === 'dashboard' ? 'upstream' : 'downstream',
              },
              why: first.type === 'dashboard' ? 'what it shows' : 'what depends on it',
            },
          ]
        : []),
      ...(nextCursor
        ? [
            {
              tool: 'catalog_search',
              arguments: { ...narrowed, limit, cursor: nextCursor },
              why: 'more hits',
            },
          ]
        : []),
      ...(total === 0 && (type || platform)
        ? [{ tool: 'catalog_search', arguments: { query }, why: 'the same among all types and platforms' }]
        : []),
      ...(total === 0 && !type && !platform && query !== '*'
        ? [{ tool: 'catalog_search', arguments: { query: '*', type: 'dataset' }, why: 'all datasets' }]
        : []),
      ...(total === 0 && query === '*' && !type && !platform
        ? [
            {
              tool: 'runs_list',
              arguments: {},
              why: 'the catalogue is told after a run: whether there was one',
            },
          ]
        : []),
    ];
    return {
      text: `${total} entities fit, ${hits.length} are here${start > 0 ? ` (from ${start} on)` : ''}.`,
      data: {
        hits,
        byType: counts(['_entityType', 'entity']),
        byPlatform: counts(['platform']),
        total,
        ...(nextCursor && { nextCursor }),
      },
      next,
    };
  },
});

/** `DATA_JOB` as URNs have it; `urn:li:dataPlatform:dbt` by its name. */
function typeName(value: string): string {
  const known = Object.entries(TYPES).find(([, name]) => name === value)?.[0];
  return known ?? value.split(':').at(-1)!;
}
