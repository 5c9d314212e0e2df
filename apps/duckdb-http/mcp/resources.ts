import type { PromptSpec, ResourceSpec, ToolContext } from '@stack/mcp';
import { published, tableNamed } from './client';

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const tableNames = async (context: ToolContext): Promise<string[]> =>
  (await published(context)).tables.map(({ name }) => name);

const beginning = (names: readonly string[], start: string): string[] =>
  [...new Set(names)].filter((name) => name.toLowerCase().startsWith(start.toLowerCase()));

const completeTable = async (start: string, context: ToolContext): Promise<string[]> =>
  beginning(await tableNames(context), start);

export const resources: readonly ResourceSpec[] = [
  {
    name: 'tables',
    title: 'Published tables',
    description: 'All tables of the snapshot with their columns, types and rows',
    uri: 'stack://tables',
    mimeType: 'application/json',
    changesWith: ['data'],
    read: async (_variables, context) => json(await published(context)),
  },
  {
    name: 'table',
    title: 'Schema of a published table',
    description: 'Columns, types and rows of one table, and the snapshot that it is of',
    uri: 'stack://tables/{table}',
    mimeType: 'application/json',
    changesWith: ['data'],
    list: async (context) =>
      (await tableNames(context)).map((name) => ({
        uri: `stack://tables/${encodeURIComponent(name)}`,
        title: name,
      })),
    complete: (_variable, start, context) => completeTable(start, context),
    read: async ({ table = '' }, context) => {
      const { table: found, snapshot } = await tableNamed(context, table);
      return json({ ...found, snapshot });
    },
  },
  {
    name: 'snapshot',
    title: 'The published snapshot',
    description: 'Which snapshot readers have: its id, its run, when it was published, rows of each table',
    uri: 'stack://snapshot',
    mimeType: 'application/json',
    changesWith: ['data'],
    read: async (_variables, context) => {
      const { tables, snapshot } = await published(context);
      return json({
        ...snapshot,
        empty: snapshot.id === undefined,
        rows: tables.reduce((sum, { rows }) => sum + rows, 0),
        tables: tables.map(({ name, rows }) => ({ name, rows })),
      });
    },
  },
];

export const prompts: readonly PromptSpec[] = [
  {
    name: 'explain_metric',
    title: 'Explain a number',
    description:
      'Where a column of a published table comes from, what it means, and whether it can be trusted today',
    arguments: {
      table: { description: 'a published table', required: true, complete: completeTable },
      column: {
        description: 'one of its columns',
        required: true,
        complete: async (start, context) =>
          beginning(
            (await published(context)).tables.flatMap(({ columns }) => columns.map(({ name }) => name)),
            start,
          ).sort(),
      },
    },
    text: ({ table, column }) =>
      [
        `Explain the column ${column} of the published table ${table} to somebody who decides by it.`,
        `1. dbt_model_show {"model": "${table}"}: what the description says, and which SQL makes the column.`,
        `2. catalog_search {"query": "${table}", "type": "dataset"}, then catalog_lineage with the URN, "direction": "upstream" and "column": "${column}": which source columns it comes from.`,
        `3. data_profile {"table": "${table}", "column": "${column}"}: its range, its missing values, and whether they are plausible.`,
        `4. dbt_tests {"model": "${table}"} and data_freshness {"table": "${table}"}: which checks it has, how they ended, and how far the data goes.`,
        'Say in plain words: what it measures and in which unit, how it is computed, what it leaves out, how current it is, and what to be careful with. Say what you could not find out.',
      ].join('\n'),
  },
  {
    name: 'client_report',
    title: 'Report for a client',
    description: 'A short report of a period from the published data, with the numbers checked',
    arguments: {
      period: { description: 'the days that it is of: "2013-06", "last week"', required: true },
      audience: {
        description: 'who reads it: "management", "operations"; without it somebody who isn’t technical',
      },
    },
    text: ({ period, audience }) =>
      [
        `Write a report of ${period} for ${audience || 'a client who is not technical'} from the published data.`,
        '1. data_freshness: whether the data covers the period. If it does not, say so first.',
        '2. data_tables and data_describe: which marts answer what the reader wants to know; prefer marts to facts.',
        '3. data_query: the figures of the period, and the same of the period before, ordered and rounded. Keep each SQL for the appendix.',
        '4. quality_results and dbt_tests {"status": "failed"}: whether a check speaks against a figure.',
        'The report: three headline figures with their change, what stands out and a likely reason marked as such, what the data cannot say, and an appendix with the SQL of each figure and the id of the snapshot. ' +
          'No figure without a query behind it.',
      ].join('\n'),
  },
];
