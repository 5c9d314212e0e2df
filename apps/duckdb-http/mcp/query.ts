import { type Next, ToolError, cursorOf, offsetOf, tool } from '@stack/mcp';
import { z } from 'zod';
import { MOST_ROWS, type Parameter, query, withoutNull } from './client';
import { columnShape, fitted, isOrdered, rowsShape } from './sql';
import { snapshotShape } from './tables';

const parameter = z.union([z.string().max(10_000), z.number(), z.boolean(), z.null()]);

export const dataQuery = tool({
  name: 'data_query',
  title: 'SQL on the published data',
  description:
    'Runs one SELECT (DuckDB’s SQL, also WITH, FROM-first, DESCRIBE, SUMMARIZE) on the published tables, read-only, and gives its columns and rows. ' +
    'Take it for sums, joins, order, and whatever the other data tools don’t answer. Statements that write, files and settings are refused. ' +
    'Names of tables are in data_tables, of columns in data_describe.',
  input: z.object({
    sql: z.string().min(1).max(100_000).describe('one SELECT; `?`, `$1` or `$name` stand for `params`'),
    params: z
      .union([z.array(parameter).max(1_000), z.record(z.string().max(200), parameter)])
      .optional()
      .describe('values: a list for `?` and `$1`, an object for `$name`'),
    limit: z.number().int().min(1).max(1_000).default(100).describe('rows at once, at most 1000'),
    cursor: z
      .string()
      .max(200)
      .optional()
      .describe('`nextCursor` of the answer before, with the same sql and params: goes on where it ended'),
  }),
  output: z.object({
    columns: z.array(columnShape),
    rows: rowsShape,
    rowCount: z.number().describe('rows in this answer'),
    from: z.number().describe('number of its first row in the whole answer, from 0'),
    truncated: z.boolean().describe('there are more rows'),
    nextCursor: z.string().optional().describe('there are more: call again with it as `cursor`'),
    note: z.string().optional().describe('what holds for the pages of this answer'),
    shortened: z.number().optional().describe('long values that were cut; substr() of them gives the rest'),
    snapshot: snapshotShape,
    elapsedMs: z.number(),
  }),
  run: async ({ sql, params, limit, cursor }, context) => {
    const from = offsetOf(cursor);
    const wanted = Math.min(from + limit, MOST_ROWS);
    if (from >= MOST_ROWS)
      throw new ToolError(
        'too_far',
        `rows after the first ${MOST_ROWS} can't be had page by page`,
        'narrow it with WHERE, sum it up, or add LIMIT and OFFSET to the SQL itself',
      );
    // The statement goes as it is, so that what is refused is told with places in it, and any kind of SELECT may be asked.
    const found = await query(context, sql, params as Parameter[] | undefined, wanted);
    const { rows, shortened } = fitted(found.rows.slice(from));
    const truncated = found.truncated || from + rows.length < found.rows.length;
    const reached = from + rows.length;
    const nextCursor = truncated && reached < MOST_ROWS ? cursorOf(reached) : undefined;
    const note = noteOf({
      sql,
      paged: nextCursor !== undefined || from > 0,
      atEnd: truncated && !nextCursor,
      long: rows.length < limit && truncated,
    });
    const again = { sql, ...(params && { params }), limit };
    const next: Next[] = nextCursor
      ? [{ tool: 'data_query', arguments: { ...again, cursor: nextCursor }, why: 'the next rows' }]
      : [];
    return {
      text: `${rows.length} rows of ${found.columns.length} columns${from > 0 ? `, from row ${from} on` : ''}${truncated ? '; there are more' : ''}.`,
      data: {
        columns: [...found.columns],
        rows: rows.map((row) => [...row]),
        rowCount: rows.length,
        from,
        truncated,
        ...(nextCursor && { nextCursor }),
        ...(note && { note }),
        ...(shortened > 0 && { shortened }),
        snapshot: withoutNull(found.snapshot),
        elapsedMs: found.elapsedMs,
      },
      next,
    };
  },
});

/** What somebody has to know who reads page by page. */
export function noteOf(of: {
  sql: string;
  paged: boolean;
  atEnd: boolean;
  long: boolean;
}): string | undefined {
  const notes = [
    of.paged && !isOrdered(of.sql)
      ? 'Without ORDER BY the order may differ from page to page: add one that decides between all rows.'
      : undefined,
    of.paged ? 'Pages belong together as long as snapshot.id stays the same.' : undefined,
    of.long ? 'This page has fewer rows than asked, since its rows are long.' : undefined,
    of.atEnd
      ? `Only the first ${MOST_ROWS} rows can be had: narrow it, or add LIMIT and OFFSET to the SQL.`
      : undefined,
  ].filter((one) => one !== undefined);
  return notes.length > 0 ? notes.join(' ') : undefined;
}
