import { type Next, ToolError, more, pageOf, paged, tool } from '@stack/mcp';
import { z } from 'zod';
import { NAMES, type Named, fieldUrn, graph, nameIn, parseUrn } from './datahub';
import { entityShape, told, urnField } from './search';
import { columnsOf, requireEntity } from './told';

const LINEAGE = `query lineage($input: SearchAcrossLineageInput!) {
  searchAcrossLineage(input: $input) {
    total
    searchResults { degree paths { path { urn } } entity { urn type ${NAMES} } }
  }
}`;

interface Found {
  readonly searchAcrossLineage: {
    readonly total: number;
    readonly searchResults: readonly {
      readonly degree: number;
      readonly entity: Named;
      readonly paths?: readonly { readonly path: readonly ({ readonly urn: string } | null)[] }[] | null;
    }[];
  };
}

/** Entities of a lineage that are asked for. */
const MOST = 2_000;
/** Steps: from a dashboard to a file there are some eight, since dbt's table and the warehouse's are a step each. */
const [FAR, FARTHEST] = [10, 20];

export const catalogLineage = tool({
  name: 'catalog_lineage',
  title: 'Lineage of an entity or a column',
  description:
    'What an entity is made from (upstream) or what depends on it (downstream), through all steps, the nearest first; with `column` the lineage of that column alone. ' +
    'Take it to find the source file of a number, or the dashboards that show it. dbt’s table and the warehouse’s table are a step each. ' +
    'Models and tests alone are faster in dbt_impact.',
  input: z.object({
    urn: urnField,
    direction: z
      .enum(['upstream', 'downstream'])
      .describe('upstream: what it comes from; downstream: what depends on it'),
    column: z.string().min(1).max(500).optional().describe('a column of the table, as catalog_entity has it'),
    depth: z.number().int().min(1).max(FARTHEST).default(FAR).describe(`steps at most, up to ${FARTHEST}`),
    ...paged,
  }),
  output: z.object({
    urn: z.string(),
    direction: z.enum(['upstream', 'downstream']),
    column: z.string().optional(),
    entities: z.array(
      entityShape.extend({
        degree: z.number().describe('steps from the entity'),
        column: z.string().optional(),
        path: z
          .array(z.string())
          .optional()
          .describe('URNs of the columns on the way to it, from the one asked for'),
      }),
    ),
    counts: z.record(z.string(), z.number()).describe('by type'),
    incomplete: z.literal(true).optional().describe(`there are more than ${MOST}: ask with a smaller depth`),
    ...more,
  }),
  run: async ({ urn, direction, column, depth, limit, cursor }, context) => {
    await requireEntity(context, urn);
    if (column !== undefined) await requireColumn(context, urn, column);
    const asked = column === undefined ? urn : fieldUrn(urn, column);
    const input = { urn: asked, direction: direction.toUpperCase(), query: '*', start: 0, count: MOST };
    const { searchAcrossLineage: found } = await graph<Found>(context, LINEAGE, { input });
    const near = found.searchResults
      .filter(({ degree }) => degree <= depth)
      .map(({ degree, entity, paths }) => ({ ...entityOf(entity), degree, ...pathOf(paths?.[0]?.path) }))
      .sort((a, b) => a.degree - b.degree || (a.urn < b.urn ? -1 : 1));
    const counts: Record<string, number> = {};
    for (const { type } of near) counts[type] = (counts[type] ?? 0) + 1;
    const { entries, total, nextCursor } = pageOf(near, { limit, cursor });
    const again = { urn, direction, ...(column && { column }), depth, limit };
    const last = near.filter(({ type }) => type === 'dataset' || type === 'schemaField').at(-1);
    const table = last && (last.type === 'schemaField' ? parseUrn(last.urn).parts[0]! : last.urn);
    const next: Next[] = [
      ...(nextCursor
        ? [{ tool: 'catalog_lineage', arguments: { ...again, cursor: nextCursor }, why: 'more of it' }]
        : []),
      ...(near.length === 0 && column !== undefined
        ? [
            {
              tool: 'catalog_lineage',
              arguments: { urn, direction },
              why: 'the lineage of the whole table: not every reader tells its columns',
            },
          ]
        : []),
      ...(near.length === 0 && column === undefined
        ? [
            {
              tool: 'catalog_lineage',
              arguments: { urn, direction: direction === 'upstream' ? 'downstream' : 'upstream' },
              why: 'the other direction',
            },
          ]
        : []),
      ...(table
        ? [
            {
              tool: 'catalog_entity',
              arguments: { urn: table },
              why: direction === 'upstream' ? 'the farthest source' : 'the farthest that depends on it',
            },
          ]
        : []),
    ];
    const told = Object.entries(counts).map(([type, n]) => `${n} ${type}`);
    return {
      text:
        near.length === 0
          ? `Nothing is known ${direction} of it${column === undefined ? '' : ', as far as columns were told'}.`
          : `${near.length} entities ${direction}: ${told.join(', ')}; the farthest is ${near.at(-1)!.degree} steps away.`,
      data: {
        urn,
        direction,
        ...(column && { column }),
        entities: [...entries],
        counts,
        ...(found.total > found.searchResults.length && { incomplete: true as const }),
        total,
        ...(nextCursor && { nextCursor }),
      },
      next,
    };
  },
});

/** A column is told by its table and its own name. */
function entityOf(entity: Named): z.output<typeof entityShape> & { column?: string } {
  const { type, parts } = parseUrn(entity.urn);
  if (type !== 'schemaField' || parts.length < 2) return told(entity);
  const [table, column] = [parts[0]!, parts[1]!];
  return { ...told({ urn: entity.urn, name: `${nameIn(table)}.${column}` }), column };
}

function pathOf(path: readonly ({ readonly urn: string } | null)[] | undefined): { path?: string[] } {
  const urns = (path ?? []).flatMap((one) => one?.urn ?? []);
  return urns.length > 0 ? { path: urns } : {};
}

/** @throws ToolError naming the columns that there are */
async function requireColumn(
  context: Parameters<typeof columnsOf>[0],
  urn: string,
  column: string,
): Promise<void> {
  const { type } = parseUrn(urn);
  if (type !== 'dataset')
    throw new ToolError(
      'no_columns',
      `a ${type} has no columns`,
      'leave `column` out, or give the URN of a dataset',
    );
  const known = await columnsOf(context, urn);
  if (known.length === 0 || known.includes(column)) return;
  const word = column.toLowerCase();
  const like = known.filter((one) => one.toLowerCase().includes(word) || word.includes(one.toLowerCase()));
  const shown = (like.length > 0 ? like : known).slice(0, 10);
  throw new ToolError(
    'unknown_column',
    `the catalogue knows no column ${JSON.stringify(column)} of it`,
    `${like.length > 0 ? 'is it' : 'some are'} ${shown.join(', ')}? catalog_entity has all`,
  );
}
