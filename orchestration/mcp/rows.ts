/** Rows that were kept aside: they break an expectation, or don't fit their table. */
import { type Next, type ToolContext, cursorOf, more, offsetOf, paged, tool } from '@stack/mcp';
import { z } from 'zod';
import { parsed } from './dagster';
import { rowsOf, tables } from './published';
import { type Finding, isNamed, quality, tableName, unknownTable } from './quality';
import { show } from './runs';

const KINDS = ['expectation', 'inbox', 'airbyte'] as const;

/** The tables of the quarantine as one, each as far as it is published. */
const SOURCES: Readonly<Record<string, string>> = {
  quarantine_failed_rows: `SELECT 'expectation' AS kind, table_name, expectation AS reason, column_name,
    NULL AS file, NULL::BIGINT AS line, content, found_at FROM quarantine_failed_rows`,
  quarantine_inbox_rows: `SELECT 'inbox' AS kind, 'inbox.' || regexp_extract(file, '^[^/.]+') AS table_name, reason, column_name,
    file, line, content, found_at FROM quarantine_inbox_rows`,
  quarantine_airbyte_rows: `SELECT 'airbyte' AS kind, table_name, reason, NULL AS column_name,
    NULL AS file, NULL::BIGINT AS line, record::VARCHAR AS content, quarantined_at AT TIME ZONE 'UTC' AS found_at
    FROM quarantine_airbyte_rows`,
};

/** Characters of a row that are shown, and tables that are counted. */
const [CONTENT, TABLES] = [4_000, 50];

const row = z.object({
  kind: z
    .enum(KINDS)
    .describe('expectation: breaks a rule; inbox, airbyte: did not fit its table, so it is not in it'),
  table: z.string(),
  reason: z.string(),
  column: z.string().optional(),
  file: z.string().optional(),
  line: z.number().optional(),
  content: z.unknown().describe('the row: its key and what is wrong, or as it came'),
  truncated: z
    .literal(true)
    .optional()
    .describe(`only its first ${CONTENT} characters; data_query reads it whole`),
  foundAt: z.string(),
});

const unpublished = z.object({
  table: z.string(),
  runId: z.string(),
  checkedAt: z.string(),
  expectations: z.array(
    z.object({ expectation: z.string(), column: z.string().optional(), badRows: z.number() }),
  ),
});

export const qualityFailingRows = tool({
  name: 'quality_failing_rows',
  title: 'Rows that break a rule',
  description:
    'Rows in quarantine, as published: those that break an expectation (key and value, up to 1,000 for each), lines of inbox files and records of Airbyte that did not fit their table. ' +
    'Rows that a failed run found are not published by it: for those it tells counts, and the call that publishes them.',
  input: z.object({ table: tableName.optional(), kind: z.enum(KINDS).optional(), ...paged }),
  output: z.object({
    rows: z.array(row),
    byTable: z
      .array(z.object({ kind: z.enum(KINDS), table: z.string(), rows: z.number().int() }))
      .describe(`at most ${TABLES}, those with most rows`),
    unpublished: z
      .array(unpublished)
      .describe('what a newer run found and did not publish: its rows are only in the warehouse'),
    ...more,
  }),
  run: async ({ table, kind, limit, cursor }, context) => {
    const offset = offsetOf(cursor);
    const [there, { findings, tables: known }] = await Promise.all([tables(context), quality(context)]);
    const parts = Object.entries(SOURCES)
      .filter(([name]) => there.includes(name))
      .map(([, sql]) => sql);
    const all = parts.join('\nUNION ALL\n');
    const byTable = parts.length > 0 ? await countsOf(context, all) : [];
    const isWanted = (one: { table: string; kind: string }) =>
      (!kind || one.kind === kind) && (!table || isNamed(one.table, table));
    const names = [...new Set([...known, ...byTable.map((one) => one.table)])];
    if (table && !names.some((name) => isNamed(name, table))) throw unknownTable(table, names);
    const total = byTable.filter(isWanted).reduce((sum, { rows }) => sum + rows, 0);
    const rows = total > 0 ? await page(context, all, { table, kind, limit, offset }) : [];
    const hidden = unpublishedOf(findings).filter((one) => !table || isNamed(one.table, table));
    const nextCursor = offset + limit < total ? cursorOf(offset + limit) : undefined;
    return {
      text: [
        `${total} row${total === 1 ? '' : 's'} in the published quarantine${table ? ` of ${table}` : ''}${kind ? ` of the kind ${kind}` : ''}; ${rows.length} of them here.`,
        ...(hidden.length > 0
          ? [
              `The run ${hidden[0].runId} found rows in ${hidden.map((one) => one.table).join(', ')} that are not published yet: data.unpublished has their counts.`,
            ]
          : []),
      ].join('\n'),
      data: {
        rows,
        byTable: byTable.slice(0, TABLES),
        unpublished: hidden,
        total,
        ...(nextCursor && { nextCursor }),
      },
      next: nextOf({ table, kind, limit, nextCursor }, hidden, rows.length > 0, findings),
    };
  },
});

async function countsOf(context: ToolContext, all: string) {
  const rows = await rowsOf(
    context,
    `SELECT kind, table_name, count(*) AS n FROM (${all}) GROUP BY ALL ORDER BY n DESC, kind, table_name`,
  );
  return rows.map(({ kind, table_name, n }) => ({
    kind: kind as (typeof KINDS)[number],
    table: String(table_name),
    rows: Number(n),
  }));
}

async function page(
  context: ToolContext,
  all: string,
  { table, kind, limit, offset }: { table?: string; kind?: string; limit: number; offset: number },
): Promise<z.output<typeof row>[]> {
  const rows = await rowsOf(
    context,
    `SELECT kind, table_name, reason, column_name, file, line, left(content, ${CONTENT}) AS content,
       length(content) > ${CONTENT} AS truncated, found_at
     FROM (${all})
     WHERE ($table IS NULL OR table_name = $table OR split_part(table_name, '.', -1) = $table)
       AND ($kind IS NULL OR kind = $kind)
     ORDER BY kind, table_name, reason, file, line, content LIMIT ${limit} OFFSET ${offset}`,
    { table: table ?? null, kind: kind ?? null },
  );
  return rows.map((one) => ({
    kind: one.kind as (typeof KINDS)[number],
    table: String(one.table_name),
    reason: String(one.reason),
    ...(one.column_name !== null && { column: String(one.column_name) }),
    ...(one.file !== null && { file: String(one.file) }),
    ...(one.line !== null && { line: Number(one.line) }),
    content: one.truncated ? one.content : parsed(String(one.content)),
    ...(one.truncated === true && { truncated: true as const }),
    foundAt: `${String(one.found_at)}Z`,
  }));
}

/** What a run found that no snapshot tells of. */
export function unpublishedOf(findings: readonly Finding[]): z.output<typeof unpublished>[] {
  const hidden = findings.filter((one) => one.from === 'dagster' && !one.passed && one.badRows > 0);
  return [...new Set(hidden.map(({ table }) => table))].map((table) => {
    const of = hidden.filter((one) => one.table === table);
    return {
      table,
      runId: of[0].runId,
      checkedAt: of[0].checkedAt,
      expectations: of.map(({ expectation, column, badRows }) => ({
        expectation,
        ...(column && { column }),
        badRows,
      })),
    };
  });
}

function nextOf(
  { table, kind, limit, nextCursor }: { table?: string; kind?: string; limit: number; nextCursor?: string },
  hidden: readonly z.output<typeof unpublished>[],
  hasRows: boolean,
  findings: readonly Finding[],
): Next[] {
  const next: Next[] = [];
  if (hidden[0]) {
    next.push({
      tool: 'assets_materialise',
      arguments: { job: 'inbox', wait: 120 },
      why: 'publishes the quarantine as it is in the warehouse (and new files of the inbox), without the marts that failed; then this tool has the rows',
    });
    next.push(show(hidden[0].runId, 'the run that found them'));
  }
  if (nextCursor)
    next.push({
      tool: 'quality_failing_rows',
      arguments: { ...(table && { table }), ...(kind && { kind }), limit, cursor: nextCursor },
      why: 'the rows that follow',
    });
  if (findings.some(({ passed }) => !passed))
    next.push({
      tool: 'quality_results',
      arguments: { ...(table && { table }), status: 'failed' },
      why: 'the rules that are not met',
    });
  if (!hasRows && (table ?? kind))
    next.push({ tool: 'quality_failing_rows', arguments: {}, why: 'all rows in quarantine' });
  if (next.length === 0)
    next.push({ tool: 'quality_results', arguments: {}, why: 'what was checked, and what it found' });
  return next;
}
