import { type Next, type ToolContext, tool } from '@stack/mcp';
import { z } from 'zod';
import { type Column, type Table, columnNamed, isModel, query, row, tableNamed } from './client';
import { type Kind, fitted, identifier, kindOf } from './sql';
import { ofSnapshot, runOf, snapshotShape, tableName } from './tables';

const QUANTILES = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99] as const;
/** Values that are shown with their counts, days that are shown, gaps that are shown. */
const [TOP, DAYS, GAPS] = [10, 14, 20];
/** Rows of a table up to which nothing is estimated. */
const EXACT = 5_000_000;

const value = z.unknown().describe('as data_query gives it');

const days = z.object({
  unit: z
    .enum(['day', 'month'])
    .describe('month: every value is the first of one, and months are counted, not days'),
  oldest: z.string().describe('day of the oldest value'),
  newest: z.string().describe('day of the newest value'),
  daysSinceNewest: z.number().describe('from it until today (UTC); 0: today'),
  withRows: z.number().describe('days (months) that have rows'),
  withoutRows: z.number().describe('those between oldest and newest that have none'),
  gaps: z
    .array(z.object({ from: z.string(), to: z.string(), length: z.number() }))
    .describe('such in a row, the longest first, at most 20'),
  gapsTotal: z.number(),
  rowsOnNewest: z.number(),
  rowsOnUsualDay: z.number().describe('median of the days that have rows'),
  last: z
    .array(z.object({ day: z.string(), rows: z.number() }))
    .describe('the last 14 up to the newest, those without rows too'),
});

const profile = z.object({
  table: z.string(),
  column: z.string(),
  type: z.string(),
  rows: z.number(),
  nulls: z.number(),
  distinct: z.number().optional().describe('different values'),
  estimated: z
    .literal(true)
    .optional()
    .describe(
      '`distinct` and `quantiles` are estimates, since the table is large: `distinct` may be off by a quarter',
    ),
  min: value.optional(),
  max: value.optional(),
  mean: z.number().optional(),
  stddev: z.number().optional(),
  quantiles: z.record(z.string(), z.number().nullable()).optional().describe('{"0.5": the median, …}'),
  top: z
    .array(z.object({ value, rows: z.number() }))
    .optional()
    .describe('the most frequent values, at most 10'),
  days: days.optional().describe('of dates and timestamps'),
  snapshot: snapshotShape,
});

export const dataProfile = tool({
  name: 'data_profile',
  title: 'Values of a column',
  description:
    'What is in one column of a published table: missing and different values, smallest and largest, mean and quantiles of numbers, the most frequent values; ' +
    'of dates and timestamps the days that have no rows, and the newest day, so that "yesterday is missing" is seen at once. ' +
    'Combinations of columns are for data_query.',
  input: z.object({
    table: tableName,
    column: z.string().min(1).max(200).describe('name of a column, as data_describe has it'),
  }),
  output: profile,
  run: async ({ table: name, column: columnName }, context) => {
    const { table, snapshot } = await tableNamed(context, name);
    const column = columnNamed(table, columnName);
    const kind = kindOf(column.type);
    const [base, top, ofDays] = await Promise.all([
      baseOf(context, table, column, kind),
      kind === 'nested' ? undefined : topOf(context, table, column),
      kind === 'time' ? daysOf(context, table, column) : undefined,
    ]);
    const data = {
      table: name,
      column: columnName,
      type: column.type,
      ...base,
      ...(top && { top }),
      ...(ofDays && { days: ofDays }),
      snapshot,
    };
    return { text: `${textOf(data)} (${ofSnapshot(snapshot)})`, data, next: nextOf(data, table) };
  },
});

type Profile = z.output<typeof profile>;

function textOf({ table, column, rows, nulls, distinct, days: ofDays }: Profile): string {
  const values = `${table}.${column}: ${rows} rows, ${nulls} without a value${distinct === undefined ? '' : `, ${distinct} different values`}.`;
  if (!ofDays) return values;
  const { unit, oldest, newest, daysSinceNewest, withoutRows, gapsTotal, rowsOnNewest, rowsOnUsualDay } =
    ofDays;
  return (
    `${values}\nFrom ${oldest} to ${newest} (${daysSinceNewest < 0 ? `${-daysSinceNewest} days ahead` : `${daysSinceNewest} days ago`}); ` +
    `${withoutRows === 0 ? `no ${unit} between is without rows` : `${withoutRows} ${unit}s between have no rows, in ${gapsTotal} gaps`}; ` +
    `the newest ${unit} has ${rowsOnNewest} rows, a usual one ${rowsOnUsualDay}.`
  );
}

function nextOf(data: Profile, table: Table): Next[] {
  const { column, rows, nulls, top = [], days: ofDays, snapshot } = data;
  const name = identifier(column);
  const frequent = top[0]?.value;
  return [
    ...(isModel(table.name) && ofDays?.last.some((day) => day.rows === 0)
      ? [{ tool: 'dbt_model_show', arguments: { model: table.name }, why: 'what the table is made of' }]
      : []),
    ...(ofDays ? runOf(snapshot) : []),
    ...(nulls > 0 && rows > 0
      ? [
          {
            tool: 'data_sample',
            arguments: { table: table.name, where: [{ column, op: 'is_null' }] },
            why: 'rows without a value',
          },
        ]
      : []),
    ...(ofDays && !ofDays.last.every((day) => day.rows > 0)
      ? []
      : typeof frequent === 'string' || typeof frequent === 'number' || typeof frequent === 'boolean'
        ? [
            {
              tool: 'data_sample',
              arguments: { table: table.name, where: [{ column, op: '=', value: frequent }] },
              why: 'rows with the most frequent value',
            },
          ]
        : []),
    ...((data.distinct ?? 0) > TOP
      ? [
          {
            tool: 'data_query',
            arguments: {
              sql: `SELECT ${name}, count(*) AS n FROM ${identifier(table.name)} GROUP BY 1 ORDER BY n DESC, 1`,
            },
            why: 'all values with their counts',
          },
        ]
      : []),
    ...(rows === 0
      ? [{ tool: 'runs_list', arguments: {}, why: 'the table is empty: how the last runs ended' }]
      : []),
  ];
}

const number = (of: unknown): number | undefined =>
  of === null || of === undefined || !Number.isFinite(Number(of)) ? undefined : Number(of);

async function baseOf(context: ToolContext, table: Table, { name, type }: Column, kind: Kind) {
  const column = identifier(name);
  const parts = ['count(*) AS total', `count(${column}) AS filled`];
  const exact = table.rows <= EXACT;
  if (kind !== 'nested')
    parts.push(
      `${exact ? `count(DISTINCT ${column})` : `approx_count_distinct(${column})`} AS different`,
      `min(${column}) AS least`,
      `max(${column}) AS most`,
    );
  const numeric = kind === 'number';
  // NaN and the infinities are values, and no mean has them
  const plain = /^(FLOAT|DOUBLE)/.test(type) ? `CASE WHEN isfinite(${column}) THEN ${column} END` : column;
  if (numeric)
    parts.push(
      `CAST(avg(${plain}) AS DOUBLE) AS mean`,
      `CAST(stddev(CAST(${plain} AS DOUBLE)) AS DOUBLE) AS spread`,
      `${exact ? 'quantile_cont' : 'approx_quantile'}(CAST(${plain} AS DOUBLE), [${QUANTILES.join(', ')}]) AS quantiles`,
    );
  const found = await row(context, `SELECT ${parts.join(', ')} FROM ${identifier(table.name)}`);
  const rows = Number(found.total);
  const filled = Number(found.filled);
  const quantiles = Array.isArray(found.quantiles) ? (found.quantiles as unknown[]) : undefined;
  const [mean, stddev] = [number(found.mean), number(found.spread)];
  const [least, most] = fitted([[found.least, found.most]]).rows[0]!;
  return {
    rows,
    nulls: rows - filled,
    ...(kind !== 'nested' && { distinct: filled === 0 ? 0 : Number(found.different) }),
    ...(!exact && kind !== 'nested' && { estimated: true as const }),
    ...(filled > 0 && kind !== 'nested' && { min: least, max: most }),
    ...(mean !== undefined && { mean }),
    ...(stddev !== undefined && { stddev }),
    ...(quantiles && {
      quantiles: Object.fromEntries(QUANTILES.map((one, i) => [String(one), number(quantiles[i]) ?? null])),
    }),
  };
}

async function topOf(context: ToolContext, table: Table, { name }: Column) {
  const column = identifier(name);
  const { rows } = await query(
    context,
    `SELECT ${column}, count(*) FROM ${identifier(table.name)} WHERE ${column} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ${TOP}`,
  );
  return fitted(rows).rows.map(([one, count]) => ({ value: one, rows: Number(count) }));
}

async function daysOf(context: ToolContext, table: Table, { name }: Column) {
  const column = identifier(name);
  const filled = `${identifier(table.name)} WHERE ${column} IS NOT NULL AND isfinite(${column})`;
  const counted = `WITH days AS (SELECT CAST(${column} AS DATE) AS day, count(*) AS n FROM ${filled} GROUP BY 1)`;
  const summary = await row(
    context,
    `${counted} SELECT min(day) AS oldest, max(day) AS newest, count(*) AS days, arg_max(n, day) AS newest_rows, median(n) AS usual,
      bool_and(day(day) = 1) AND count(*) > 1 AS months, date_diff('day', min(day), max(day)) + 1 AS span_days,
      date_diff('month', min(day), max(day)) + 1 AS span_months,
      date_diff('day', max(day), CAST(now() AT TIME ZONE 'UTC' AS DATE)) AS since FROM days`,
  );
  const { oldest, newest } = summary;
  if (typeof oldest !== 'string' || typeof newest !== 'string') return undefined;
  const unit = summary.months === true ? ('month' as const) : ('day' as const);
  const one = `INTERVAL 1 ${unit.toUpperCase()}`;
  const [gaps, last] = await Promise.all([
    query(
      context,
      `${counted}, pairs AS (SELECT day, lag(day) OVER (ORDER BY day) AS before FROM days)
        SELECT CAST(before + ${one} AS DATE), CAST(day - ${one} AS DATE), date_diff('${unit}', before, day) - 1 AS missing
        FROM pairs WHERE date_diff('${unit}', before, day) > 1 ORDER BY missing DESC, 1`,
    ),
    query(
      context,
      `${counted}, wanted AS (SELECT CAST(CAST(? AS DATE) - i * ${one} AS DATE) AS day FROM generate_series(0, ${DAYS - 1}) s(i))
        SELECT wanted.day, coalesce(n, 0) FROM wanted LEFT JOIN days USING (day) WHERE wanted.day >= CAST(? AS DATE) ORDER BY 1`,
      [newest, oldest],
    ),
  ]);
  const withRows = Number(summary.days);
  return {
    unit,
    oldest,
    newest,
    daysSinceNewest: Number(summary.since),
    withRows,
    withoutRows: Number(unit === 'month' ? summary.span_months : summary.span_days) - withRows,
    gaps: gaps.rows.slice(0, GAPS).map(([from, to, missing]) => ({
      from: String(from),
      to: String(to),
      length: Number(missing),
    })),
    gapsTotal: gaps.rows.length,
    rowsOnNewest: Number(summary.newest_rows),
    rowsOnUsualDay: Number(summary.usual),
    last: last.rows.map(([day, n]) => ({ day: String(day), rows: Number(n) })),
  };
}
