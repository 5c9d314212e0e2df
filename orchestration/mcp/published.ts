/** Tables of the published snapshot, over duckdb-http. */
import { type ToolContext, ToolError, ask as request, askJson } from '@stack/mcp';

export const DATA_UNIT = 'duckdb-http';

/** A list for `?`, an object for `$name`. */
type Params = readonly unknown[] | Readonly<Record<string, unknown>>;

interface Answer {
  readonly columns: readonly { readonly name: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly truncated: boolean;
}

const ask = (context: ToolContext, sql: string, params: Params): Promise<Answer> =>
  askJson<Answer>(context, `${context.env.DATA_URL}/v1/query`, {
    unit: DATA_UNIT,
    headers: { authorization: `Bearer ${context.env.DATA_TOKEN}` },
    body: { sql, params },
  });

/** Names of the tables that there are; none before the first publish. */
export async function tables(context: ToolContext): Promise<string[]> {
  const { rows } = await ask(context, 'SHOW TABLES', []);
  return rows.map(([name]) => String(name));
}

/** Rows by column's name; none when the table isn't there (yet). */
export async function query(
  context: ToolContext,
  table: string,
  sql: string,
  params: Params = [],
): Promise<Record<string, unknown>[]> {
  if (!(await tables(context)).includes(table)) return [];
  return rowsOf(context, sql, params);
}

/** Rows by column's name. */
export async function rowsOf(
  context: ToolContext,
  sql: string,
  params: Params = [],
): Promise<Record<string, unknown>[]> {
  const { columns, rows, truncated } = await ask(context, sql, params);
  if (truncated)
    throw new ToolError('answer_too_large', `${DATA_UNIT} gives only a part of the rows`, 'ask for fewer');
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i]])));
}

/** The id of the snapshot that is served; undefined before the first, or while nothing is. */
export async function served(context: ToolContext): Promise<string | undefined> {
  try {
    const { status, text } = await request(context, `${context.env.DATA_URL}/v1/snapshot`, {
      unit: DATA_UNIT,
      headers: { authorization: `Bearer ${context.env.DATA_TOKEN}` },
      timeoutMs: 5_000,
    });
    return status === 200 ? (JSON.parse(text) as { id: string }).id : undefined;
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof ToolError) return undefined;
    throw error;
  }
}
