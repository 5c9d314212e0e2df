/** What Great Expectations found: of the newest evaluation of each table, wherever that is told. */
import { type Next, type ToolContext, ToolError, more, pageOf, paged, tool, nearest } from '@stack/mcp';
import { z } from 'zod';
import { METADATA, type MetadataEntry, at, graph, keyOf, pathOf, shortened } from './dagster';
import { query } from './published';
import { type Run, isOver, listRuns, show, statusOf, tagOf } from './runs';

/** The check of each asset that has a suite. */
const CHECK = 'great_expectations';

const finding = z.object({
  table: z.string().describe('as in the warehouse: "marts.fct_flights"'),
  asset: z.string().optional(),
  expectation: z.string(),
  column: z.string().optional(),
  severity: z.enum(['critical', 'warning']).describe('critical: a failure stops the publish'),
  passed: z.boolean(),
  observed: z.string().optional(),
  checkedRows: z.number().optional(),
  badRows: z.number(),
  rule: z.record(z.string(), z.unknown()).optional().describe('its arguments, where Dagster has them'),
  runId: z.string(),
  checkedAt: z.string(),
  from: z
    .enum(['snapshot', 'dagster'])
    .describe(
      'snapshot: published with the data (pipeline_quality); dagster: of a run whose results are not published',
    ),
});
export type Finding = z.output<typeof finding>;

interface Execution {
  readonly status: string;
  readonly runId: string;
  readonly evaluation?: {
    readonly timestamp: number;
    readonly success: boolean;
    readonly severity: string;
    readonly metadataEntries: readonly MetadataEntry[];
  } | null;
}

/** A suite, by the asset whose check it is. */
interface Suite {
  readonly asset: string;
  readonly table: string;
  readonly executions: readonly Execution[];
}

/** Runs that a table's newest evaluation is looked for in. */
const RUNS = 10;

async function suites(context: ToolContext): Promise<Suite[]> {
  const { assetNodes } = await graph<{
    assetNodes: {
      assetKey: { path: string[] };
      assetChecksOrError: { checks?: { name: string; description?: string | null }[] };
    }[];
  }>(
    context,
    'query Suites { assetNodes { assetKey { path } assetChecksOrError { ... on AssetChecks { checks { name description } } } } }',
  );
  const found = assetNodes.flatMap(({ assetKey, assetChecksOrError }) => {
    const check = assetChecksOrError.checks?.find(({ name }) => name === CHECK);
    return check ? [{ asset: keyOf(assetKey), table: tableOf(keyOf(assetKey), check.description) }] : [];
  });
  if (found.length === 0) return [];
  const variables = Object.fromEntries(found.map(({ asset }, i) => [`k${i}`, pathOf(asset)]));
  const fields = `{ status runId evaluation { timestamp success severity ${METADATA} } }`;
  const answer = await graph<Record<string, Execution[]>>(
    context,
    `query Executions(${found.map((_, i) => `$k${i}: AssetKeyInput!`).join(', ')}) {
      ${found.map((_, i) => `c${i}: assetCheckExecutions(assetKey: $k${i}, checkName: "${CHECK}", limit: ${RUNS}) ${fields}`).join('\n')}
    }`,
    variables,
  );
  return found.map((suite, i) => ({ ...suite, executions: answer[`c${i}`] ?? [] }));
}

/** The table of a suite, which the check's description names by its file. */
export const tableOf = (asset: string, description?: string | null): string =>
  /quality\/([\w.]+)\.yml/.exec(description ?? '')?.[1] ?? asset.replaceAll('/', '.');

/** An expectation's result as Great Expectations gives it. */
interface Native {
  readonly success?: boolean;
  readonly expectation_config?: {
    readonly type?: string;
    readonly description?: string | null;
    readonly severity?: string | null;
    readonly kwargs?: Record<string, unknown>;
  };
  readonly result?: {
    readonly observed_value?: unknown;
    readonly element_count?: number;
    readonly unexpected_count?: number;
  };
}

/** `expect_column_values_to_be_between` in words. */
const wordsOf = (type: string): string => type.replace(/^expect_/, '').replaceAll('_', ' ');

/** Findings of one evaluation. */
export function findingsOf(
  suite: Pick<Suite, 'asset' | 'table'>,
  runId: string,
  checkedAt: string,
  results: readonly Native[],
): Finding[] {
  return results.map(({ success, expectation_config: config = {}, result = {} }) => {
    const { column, unexpected_rows_query: rows, ...rule } = config.kwargs ?? {};
    const observed = result.observed_value;
    // one that is a query counts the rows that it gives
    const bad = rows === undefined ? (result.unexpected_count ?? 0) : Number(observed ?? 0);
    const known =
      observed === undefined || observed === null ? (bad > 0 ? `${bad} rows` : undefined) : text(observed);
    return {
      table: suite.table,
      asset: suite.asset,
      expectation: config.description ?? wordsOf(config.type ?? 'an expectation'),
      ...(typeof column === 'string' && { column }),
      severity: config.severity === 'critical' ? 'critical' : 'warning',
      passed: success === true,
      ...(known !== undefined && { observed: shortened(known, 300).text }),
      ...(result.element_count !== undefined && { checkedRows: result.element_count }),
      badRows: bad,
      rule: { type: config.type, ...rule, ...(rows !== undefined && { unexpected_rows_query: rows }) },
      runId,
      checkedAt,
      from: 'dagster',
    };
  });
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Findings of the last checking run that a snapshot tells of. */
async function published(context: ToolContext): Promise<Finding[]> {
  const rows = await query(
    context,
    'pipeline_quality',
    `SELECT run_id, checked_at, table_name, expectation, column_name, severity, passed, observed, checked_rows, bad_rows
     FROM pipeline_quality ORDER BY table_name, number`,
  );
  return rows.map((row) => ({
    table: String(row.table_name),
    expectation: shortened(String(row.expectation), 500).text,
    ...(row.column_name !== null && { column: String(row.column_name) }),
    severity: row.severity === 'critical' ? 'critical' : 'warning',
    passed: row.passed === true,
    ...(row.observed !== null && { observed: String(row.observed) }),
    ...(row.checked_rows !== null && { checkedRows: Number(row.checked_rows) }),
    badRows: Number(row.bad_rows),
    runId: String(row.run_id),
    checkedAt: `${String(row.checked_at)}Z`,
    from: 'snapshot',
  }));
}

export interface Quality {
  readonly findings: readonly Finding[];
  /** Tables that have a suite, or a result. */
  readonly tables: readonly string[];
  /** The newest run that was to check and didn't come so far. */
  readonly unchecked?: string;
}

/** The newest findings of each table, the failed ones first. */
export async function quality(context: ToolContext): Promise<Quality> {
  const [known, told] = await Promise.all([suites(context), published(context)]);
  const findings = merge(known, told);
  const newest = known
    .flatMap(({ executions }) => executions.slice(0, 1))
    .filter(({ evaluation }) => !evaluation);
  return {
    findings,
    tables: [...new Set([...known.map(({ table }) => table), ...told.map(({ table }) => table)])].sort(),
    ...(newest[0] && { unchecked: newest[0].runId }),
  };
}

/** Of each table what was found last: an evaluation that Dagster has, unless a snapshot tells of the same one or a later one. */
export function merge(known: readonly Suite[], told: readonly Finding[]): Finding[] {
  const byTable = new Map<string, Finding[]>();
  for (const one of told) byTable.set(one.table, [...(byTable.get(one.table) ?? []), one]);
  for (const suite of known) {
    const last = suite.executions.find(({ evaluation }) => evaluation);
    const of = byTable.get(suite.table);
    if (last?.evaluation) {
      const checkedAt = at(last.evaluation.timestamp) ?? '';
      const isNewer = !of || (of[0].runId !== last.runId && of[0].checkedAt < checkedAt);
      const entry = last.evaluation.metadataEntries.find(({ label }) => label === 'results');
      if (isNewer && entry?.jsonString)
        byTable.set(
          suite.table,
          findingsOf(suite, last.runId, checkedAt, JSON.parse(entry.jsonString) as Native[]),
        );
    }
    byTable.set(
      suite.table,
      (byTable.get(suite.table) ?? []).map((one) => ({ ...one, asset: suite.asset })),
    );
  }
  return [...byTable.values()]
    .flat()
    .sort((a, b) => Number(a.passed) - Number(b.passed) || a.table.localeCompare(b.table));
}

export const tableName = z
  .string()
  .max(200)
  .regex(/^\w+(\.\w+)?$/)
  .describe('"marts.fct_flights", or without schema "fct_flights"');

/** Whether a table is the one that is named, with or without its schema. */
export const isNamed = (table: string, name: string): boolean =>
  table === name || table.split('.').at(-1) === name;

/** @throws ToolError that names the tables that resemble it */
export const unknownTable = (name: string, known: readonly string[]): ToolError =>
  new ToolError(
    'unknown_table',
    `no suite and no quarantine has a table ${name}`,
    known.length > 0
      ? `${nearest(name, known).length > 0 ? `do you mean ${nearest(name, known).slice(0, 3).join(' or ')}? ` : ''}There are ${shortened(known.join(', '), 1_000).text}`
      : 'nothing was checked yet: assets_materialise runs the pipeline',
  );

export const qualityResults = tool({
  name: 'quality_results',
  title: 'What the checks of the data found',
  description:
    'Each expectation of Great Expectations with its newest result: table, column, rule, rows that break it, run and time; failed ones first. Also of a run that failed and published nothing, which published tables cannot tell. ' +
    'Take it when great_expectations failed, or for the quality of a table. Tests of dbt are in dbt_tests; the rows themselves in quality_failing_rows.',
  input: z.object({
    table: tableName.optional(),
    status: z.enum(['failed', 'passed']).optional(),
    ...paged,
  }),
  output: z.object({
    findings: z.array(finding),
    runs: z
      .array(
        z.object({
          runId: z.string(),
          job: z.string(),
          status: z.string(),
          published: z.boolean().describe('this run published a snapshot'),
        }),
      )
      .describe('the runs that these findings are of'),
    unchecked: z
      .string()
      .optional()
      .describe('id of a later run that is to check and has not: it is under way, or ended before'),
    ...more,
  }),
  run: async (input, context) => {
    const { table, status } = input;
    const { findings, tables, unchecked } = await quality(context);
    if (table && !tables.some((one) => isNamed(one, table))) throw unknownTable(table, tables);
    const found = findings
      .filter((one) => !table || isNamed(one.table, table))
      .filter((one) => !status || one.passed === (status === 'passed'));
    const page = pageOf(found, input);
    const { runs, later } = await runsOf(context, found, unchecked);
    const failed = found.filter(({ passed }) => !passed);
    const blocking = failed.filter(({ severity }) => severity === 'critical');
    const next: Next[] = [];
    if (failed[0]) {
      next.push({
        tool: 'quality_failing_rows',
        arguments: { table: failed[0].table },
        why: 'the rows that break it, as far as they are published',
      });
      next.push(show(failed[0].runId, 'the run that found it, and what it did then'));
    }
    if (later) next.push(show(later.runId, 'how far the later run is, or why it checked nothing'));
    if (page.nextCursor)
      next.push({
        tool: 'quality_results',
        arguments: { ...input, cursor: page.nextCursor },
        why: 'the others',
      });
    if (failed.length === 0 && status !== 'failed')
      next.push({ tool: 'dbt_tests', arguments: { status: 'failed' }, why: 'whether a test of dbt fails' });
    if (found.length === 0)
      next.push({ tool: 'quality_results', arguments: table ? { table } : {}, why: 'all findings' });
    return {
      text: [
        `${found.length} expectation${found.length === 1 ? '' : 's'}${table ? ` of ${table}` : ''}${status ? `, ${status}` : ''}: ${failed.length} not met, ${blocking.length} of them stop the publish.`,
        ...(blocking.length > 0
          ? [`Those are of ${[...new Set(blocking.map((one) => one.table))].slice(0, 10).join(', ')}.`]
          : []),
        ...(later
          ? [
              `A later run, ${later.runId}, ${isOver(statusOf(later.status)) ? 'ended before it checked' : 'has not checked yet'}.`,
            ]
          : []),
      ].join('\n'),
      data: {
        findings: [...page.entries],
        runs: runs.map((run) => ({
          runId: run.runId,
          job: run.jobName,
          status: statusOf(run.status),
          published: tagOf(run, 'stack/snapshot') !== undefined,
        })),
        ...(later && { unchecked: later.runId }),
        total: page.total,
        ...(page.nextCursor && { nextCursor: page.nextCursor }),
      },
      next,
    };
  },
});

/** The runs of the findings, and a later one that has checked nothing, unless nothing was new to it. */
async function runsOf(
  context: ToolContext,
  findings: readonly Finding[],
  unchecked?: string,
): Promise<{ runs: Run[]; later?: Run }> {
  const ids = new Set(findings.map(({ runId }) => runId));
  const all = [...ids, ...(unchecked ? [unchecked] : [])];
  if (all.length === 0) return { runs: [] };
  const { runs } = await listRuns(context, { runIds: all }, all.length, { stepsOf: 'failed' });
  const later = runs.find((run) => run.runId === unchecked && !tagOf(run, 'stack/outcome'));
  return { runs: runs.filter((run) => ids.has(run.runId)), ...(later && { later }) };
}
