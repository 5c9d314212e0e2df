import { type Next, ToolError, tool } from '@stack/mcp';
import { z } from 'zod';
import { columnNamed, isModel, query, row, tableNamed } from './client';
import { OPERATORS, columnShape, fitted, identifier, rowsShape, whereOf } from './sql';
import { ofSnapshot, runOf, snapshotShape, tableName } from './tables';

const badCondition = (message: string): ToolError =>
  new ToolError(
    'bad_condition',
    message,
    'correct `where`: values of the column’s type, dates as "2013-01-31"; data_describe has the types',
  );

const scalar = z.union([z.string().max(1_000), z.number(), z.boolean()]);

export const dataSample = tool({
  name: 'data_sample',
  title: 'Some rows of a table',
  description:
    'Rows of a published table, narrowed by conditions instead of SQL: to see what values look like, or single records ("flights of UA on 2013-02-01"). ' +
    'They are the first that fit, in no order; `matching` says how many fit. For order, joins and sums take data_query.',
  input: z.object({
    table: tableName,
    limit: z.number().int().min(1).max(100).default(10).describe('rows, at most 100'),
    columns: z
      .array(z.string().min(1).max(200))
      .min(1)
      .max(100)
      .optional()
      .describe('only these columns; without it all'),
    where: z
      .array(
        z.object({
          column: z.string().min(1).max(200).describe('name of a column'),
          op: z.enum(OPERATORS).describe('`like` and `ilike` take % for any characters'),
          value: z
            .union([scalar, z.array(scalar).min(1).max(100)])
            .optional()
            .describe('one value, a list for `in`, none for is_null and is_not_null; dates as "2013-01-31"'),
        }),
      )
      .max(20)
      .optional()
      .describe('all of these have to be so'),
  }),
  output: z.object({
    table: z.string(),
    columns: z.array(columnShape),
    rows: rowsShape,
    matching: z.number().describe('rows that fit'),
    truncated: z.boolean().describe('more fit than are here: see `next`, or narrow it'),
    shortened: z.number().optional().describe('long values that were cut; data_query with substr() has them'),
    snapshot: snapshotShape,
  }),
  run: async ({ table: name, limit, columns, where = [] }, context) => {
    const { table, snapshot } = await tableNamed(context, name);
    for (const column of [...(columns ?? []), ...where.map((one) => one.column)]) columnNamed(table, column);
    let clause: ReturnType<typeof whereOf>;
    try {
      clause = whereOf(where, (column) => columnNamed(table, column).type);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw badCondition(error.message);
    }
    const from = `FROM ${identifier(name)}${clause.sql}`;
    const select = `SELECT ${columns ? columns.map(identifier).join(', ') : '*'} ${from}`;
    const [found, counted] = await Promise.all([
      query(context, `${select} LIMIT ${limit}`, clause.params, limit),
      row(context, `SELECT count(*) AS n ${from}`, clause.params),
    ]).catch((error: unknown) => {
      throw error instanceof ToolError && error.code === 'invalid_sql' ? badCondition(error.message) : error;
    });
    const matching = Number(counted.n);
    const { rows, shortened } = fitted(found.rows);
    const truncated = rows.length < matching;
    const next: Next[] = [
      ...(truncated
        ? [
            {
              tool: 'data_query',
              arguments: { sql: select, ...(clause.params.length > 0 && { params: clause.params }) },
              why: 'all of them, page by page',
            },
          ]
        : []),
      ...(matching === 0 && where.length > 0
        ? [
            {
              tool: 'data_profile',
              arguments: { table: name, column: where[0]!.column },
              why: 'which values there are',
            },
          ]
        : []),
      ...(matching === 0 && where.length === 0
        ? [
            ...(isModel(name)
              ? [{ tool: 'dbt_model_show', arguments: { model: name }, why: 'what it is made of' }]
              : []),
            ...runOf(snapshot),
          ]
        : []),
      { tool: 'data_describe', arguments: { table: name }, why: 'its columns' },
    ];
    return {
      text: `${name} has ${table.rows} rows, ${matching} fit, ${rows.length} are here; ${ofSnapshot(snapshot)}.`,
      data: {
        table: name,
        columns: [...found.columns],
        rows: [...rows.map((one) => [...one])],
        matching,
        truncated,
        ...(shortened > 0 && { shortened }),
        snapshot,
      },
      next,
    };
  },
});
