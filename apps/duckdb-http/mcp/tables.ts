import { type Next, more, pageOf, paged, tool } from '@stack/mcp';
import { z } from 'zod';
import { type Snapshot, type Table, isModel, published, row, tableNamed } from './client';
import { columnShape, identifier, timeColumns } from './sql';

export const snapshotShape = z.object({
  id: z.string().optional().describe('left out: nothing has been published yet'),
  publishedAt: z.string().optional().describe('ISO 8601, UTC'),
  runId: z.string().optional().describe('the run that published it: run_show'),
  ageSeconds: z.number().optional(),
});

export const tableName = z.string().min(1).max(200).describe('name of a table, as data_tables has it');

/** The run that published what is read. */
export const runOf = ({ runId }: Snapshot): Next[] =>
  runId ? [{ tool: 'run_show', arguments: { runId }, why: 'the run that published this snapshot' }] : [];

/** How old, in the largest unit that fits. */
export function age(seconds: number): string {
  const units = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
  ] as const;
  const [size, unit] = units.find(([size]) => seconds >= size) ?? [1, 's'];
  return `${Math.floor(seconds / size)} ${unit}`;
}

export const ofSnapshot = ({ id, ageSeconds }: Snapshot): string =>
  id
    ? `snapshot ${id}${ageSeconds === undefined ? '' : `, published ${age(ageSeconds)} ago`}`
    : 'nothing published yet';

export const dataTables = tool({
  name: 'data_tables',
  title: 'Published tables',
  description:
    'The tables that readers have (marts, facts, dimensions, and what the pipeline tells of itself) with their rows and numbers of columns, ' +
    'and which run published them when. Begin here for questions about the data. Columns are in data_describe; what was not published yet is in dbt_models.',
  input: z.object({
    search: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe('only tables with this in their name or a column’s'),
    ...paged,
  }),
  output: z.object({
    snapshot: snapshotShape,
    tables: z.array(
      z.object({
        table: z.string(),
        rows: z.number(),
        columns: z.number().describe('how many; data_describe names them'),
      }),
    ),
    ...more,
  }),
  run: async ({ search, limit, cursor }, context) => {
    const { tables, snapshot } = await published(context);
    const word = search?.toLowerCase();
    const found = tables.filter(
      ({ name, columns }) =>
        !word || [name, ...columns.map((one) => one.name)].some((one) => one.toLowerCase().includes(word)),
    );
    const { entries, total, nextCursor } = pageOf(found, { limit, cursor });
    const largest = [...entries].sort((a, b) => b.rows - a.rows)[0];
    const next: Next[] = [
      ...(tables.length === 0
        ? [{ tool: 'runs_list', arguments: {}, why: 'whether a run has failed, or none has begun' }]
        : []),
      ...(search && total === 0 && tables.length > 0
        ? [
            { tool: 'data_tables', arguments: {}, why: 'all of them' },
            {
              tool: 'dbt_models',
              arguments: { search },
              why: 'whether there is such a model that is not published',
            },
          ]
        : []),
      ...(largest
        ? [
            {
              tool: 'data_describe',
              arguments: { table: (entries.length === 1 ? entries[0]! : largest).name },
              why: 'its columns',
            },
            { tool: 'data_freshness', arguments: {}, why: 'how far the data of each goes' },
          ]
        : []),
      ...(nextCursor
        ? [
            {
              tool: 'data_tables',
              arguments: { ...(search && { search }), limit, cursor: nextCursor },
              why: 'more tables',
            },
          ]
        : []),
      ...runOf(snapshot),
    ];
    const empty = entries.filter(({ rows }) => rows === 0).map(({ name }) => name);
    return {
      text:
        tables.length === 0
          ? 'Nothing has been published yet: the snapshot is empty.'
          : `${total} of ${tables.length} tables${search ? ' fit' : ''}; ${ofSnapshot(snapshot)}.` +
            (empty.length > 0 ? ` Without rows: ${empty.join(', ')}.` : ''),
      data: {
        snapshot,
        tables: entries.map(({ name, rows, columns }) => ({ table: name, rows, columns: columns.length })),
        total,
        ...(nextCursor && { nextCursor }),
      },
      next,
    };
  },
});

/** How many of the columns have values, counted; nested and long tables too. */
async function nullsOf(context: Parameters<typeof row>[0], { name, columns }: Table): Promise<number[]> {
  const counts = columns.map((column, i) => `count(*) - count(${identifier(column.name)}) AS c${i}`);
  const values = await row(context, `SELECT ${counts.join(', ')} FROM ${identifier(name)}`);
  return columns.map((_column, i) => Number(values[`c${i}`]));
}

export const dataDescribe = tool({
  name: 'data_describe',
  title: 'Columns of a table',
  description:
    'One published table: its columns with their types and how many of their values are missing, its rows, and the snapshot that it is of. ' +
    'Take it before writing SQL. What columns mean is in dbt_model_show; the index of a table too (config of its model).',
  input: z.object({ table: tableName }),
  output: z.object({
    table: z.string(),
    rows: z.number(),
    columns: z.array(
      columnShape.extend({
        nulls: z.number().describe('rows without a value, counted in this snapshot; no constraint says so'),
      }),
    ),
    snapshot: snapshotShape,
  }),
  run: async ({ table: name }, context) => {
    const { table, snapshot } = await tableNamed(context, name);
    const nulls = await nullsOf(context, table);
    const [time] = timeColumns(table.columns);
    const gaps = table.columns.filter((_column, i) => nulls[i]! > 0 && table.rows > 0);
    const profiled = time ?? gaps[0] ?? table.columns[0];
    const next: Next[] = [
      { tool: 'data_sample', arguments: { table: name }, why: 'some of its rows' },
      ...(profiled
        ? [
            {
              tool: 'data_profile',
              arguments: { table: name, column: profiled.name },
              why: time ? 'which days it has, and which are missing' : 'the values of a column',
            },
          ]
        : []),
      ...(isModel(name)
        ? [
            {
              tool: 'dbt_model_show',
              arguments: { model: name },
              why: 'what its columns mean, its SQL and its tests',
            },
          ]
        : []),
      {
        tool: 'catalog_search',
        arguments: { query: name, type: 'dataset' },
        why: 'its URN, for its lineage and owners',
      },
    ];
    return {
      text:
        `${name} has ${table.rows} rows and ${table.columns.length} columns, ${gaps.length} of them with missing values; ` +
        `${ofSnapshot(snapshot)}.${table.rows === 0 ? ' It is empty: see its model and its sources.' : ''}`,
      data: {
        table: name,
        rows: table.rows,
        columns: table.columns.map((column, i) => ({ ...column, nulls: nulls[i]! })),
        snapshot,
      },
      next:
        table.rows === 0
          ? [
              ...next.slice(2),
              { tool: 'runs_list', arguments: {}, why: 'how the last runs ended' },
              ...runOf(snapshot),
            ]
          : next,
    };
  },
});
