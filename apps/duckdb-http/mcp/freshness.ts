import { type Next, type ToolContext, more, pageOf, paged, tool } from '@stack/mcp';
import { z } from 'zod';
import { NOTHING_PUBLISHED, type Table, isModel, published, row, tableNamed } from './client';
import { identifier, timeColumns } from './sql';
import { ofSnapshot, runOf, snapshotShape, tableName } from './tables';

const freshness = z.object({
  table: z.string(),
  rows: z.number(),
  columns: z
    .array(
      z.object({
        column: z.string(),
        type: z.string(),
        newest: z.string().optional().describe('left out: no row has a value'),
        ageDays: z.number().optional().describe('from it until today (UTC); below 0 it lies ahead'),
      }),
    )
    .describe('its dates and timestamps; none: how far it goes can’t be told by its data'),
});

export const dataFreshness = tool({
  name: 'data_freshness',
  title: 'How far the data goes',
  description:
    'How old the snapshot is, and for each published table the newest value of its date and timestamp columns: whether data of the last day has come. ' +
    'Take it for "the numbers are old". Missing days within a table are in data_profile.',
  input: z.object({ table: tableName.optional().describe('only this table; without it all'), ...paged }),
  output: z.object({ snapshot: snapshotShape, tables: z.array(freshness), ...more }),
  run: async ({ table: name, limit, cursor }, context) => {
    const { tables, snapshot } =
      name === undefined ? await published(context) : await tableNamed(context, name);
    if (tables.length === 0) throw NOTHING_PUBLISHED;
    const page = pageOf(
      tables.filter((one) => name === undefined || one.name === name),
      { limit, cursor },
    );
    const entries: z.output<typeof freshness>[] = [];
    for (const table of page.entries) {
      context.progress(entries.length, page.entries.length, table.name);
      entries.push(await newestOf(context, table));
    }
    const empty = entries.filter(({ rows }) => rows === 0).map(({ table }) => table);
    const dated = entries.flatMap(({ table, columns }) =>
      columns.flatMap(({ column, ageDays }) => (ageDays === undefined ? [] : [{ table, column, ageDays }])),
    );
    const oldest = [...dated].sort((a, b) => b.ageDays - a.ageDays)[0];
    const next: Next[] = [
      ...(oldest
        ? [
            {
              tool: 'data_profile',
              arguments: { table: oldest.table, column: oldest.column },
              why: 'its days, and which are missing',
            },
          ]
        : []),
      ...empty
        .filter(isModel)
        .slice(0, 3)
        .map((table) => ({
          tool: 'dbt_model_show',
          arguments: { model: table },
          why: `what ${table} is made of: it is empty`,
        })),
      { tool: 'runs_list', arguments: {}, why: 'when the pipeline ran, and how it ended' },
      ...runOf(snapshot),
      ...(page.nextCursor
        ? [{ tool: 'data_freshness', arguments: { limit, cursor: page.nextCursor }, why: 'more tables' }]
        : []),
    ];
    return {
      text:
        `${entries.length} tables; ${ofSnapshot(snapshot)}.` +
        (oldest
          ? ` The oldest newest value: ${oldest.table}.${oldest.column}, ${oldest.ageDays} days ago.`
          : '') +
        (empty.length > 0 ? ` Without rows: ${empty.join(', ')}.` : ''),
      data: {
        snapshot,
        tables: entries,
        total: page.total,
        ...(page.nextCursor && { nextCursor: page.nextCursor }),
      },
      next,
    };
  },
});

async function newestOf(context: ToolContext, table: Table): Promise<z.output<typeof freshness>> {
  const columns = timeColumns(table.columns);
  const parts = columns.map(({ name }, i) => {
    const column = identifier(name);
    return `max(${column}) FILTER (isfinite(${column})) AS c${i}`;
  });
  const found =
    parts.length > 0 ? await row(context, `SELECT ${parts.join(', ')} FROM ${identifier(table.name)}`) : {};
  return {
    table: table.name,
    rows: table.rows,
    columns: columns.map(({ name, type }, i) => {
      const newest = found[`c${i}`];
      if (typeof newest !== 'string') return { column: name, type };
      return { column: name, type, newest, ageDays: daysSince(newest, new Date()) };
    }),
  };
}

/** Whole days from the day of a date or time of the data until today, UTC. */
export function daysSince(newest: string, now: Date): number {
  const day = Date.parse(`${newest.slice(0, 10)}T00:00:00Z`);
  return Math.floor(now.getTime() / 86_400_000) - Math.floor(day / 86_400_000);
}
