/** The service as the adapter asks it: the snapshot, its tables, and queries, with refusals in the service's own words. */
import { type ToolContext, ToolError, askJson, unknown } from '@stack/mcp';

const UNIT = 'duckdb-http';

/** Rows of one answer that the service gives at most (QUERY_MAX_ROWS). */
export const MOST_ROWS = 100_000;

export interface Column {
  readonly name: string;
  /** As DuckDB writes it. */
  readonly type: string;
}

export interface Table {
  readonly name: string;
  readonly rows: number;
  readonly columns: readonly Column[];
}

/** The snapshot that answers; without an id nothing has been published yet. */
export interface Snapshot {
  readonly id?: string;
  readonly publishedAt?: string;
  readonly runId?: string;
  readonly ageSeconds?: number;
}

export type Parameter = string | number | boolean | null;

export interface Result {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly unknown[])[];
  /** There are more than were asked for. */
  readonly truncated: boolean;
  readonly snapshot: Snapshot;
  readonly elapsedMs: number;
}

const asked = <T>(context: ToolContext, path: string, body?: unknown): Promise<T> =>
  askJson<T>(context, `${context.env.URL}${path}`, {
    unit: UNIT,
    headers: { authorization: `Bearer ${context.env.TOKEN}` },
    body,
    // the service ends a query itself, and says so
    timeoutMs: 45_000,
  });

/** The snapshot that is served now. */
export const served = async (context: ToolContext): Promise<Snapshot> =>
  withoutNull((await asked<object | null>(context, '/v1/snapshot')) ?? {});

/** Tables by name, and the snapshot that they are of. */
export async function published(
  context: ToolContext,
): Promise<{ tables: readonly Table[]; snapshot: Snapshot }> {
  const [{ tables }, snapshot] = await Promise.all([
    asked<{ tables: Table[] }>(context, '/v1/tables'),
    served(context),
  ]);
  const sorted = [...tables].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { tables: sorted, snapshot };
}

export const withoutNull = (values: object): Snapshot =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== undefined));

/** @throws ToolError when the service refuses it, with what it says and where in the SQL */
export const query = (
  context: ToolContext,
  sql: string,
  params: readonly Parameter[] | Readonly<Record<string, Parameter>> = [],
  maxRows = MOST_ROWS,
): Promise<Result> => asked<Result>(context, '/v1/query', { sql, params, maxRows, format: 'json' });

/** Of a statement with one row: its values by the names of its columns. */
export async function row(
  context: ToolContext,
  sql: string,
  params: readonly Parameter[] = [],
): Promise<Readonly<Record<string, unknown>>> {
  const { columns, rows } = await query(context, sql, params, 1);
  return Object.fromEntries(columns.map(({ name }, i) => [name, rows[0]?.[i] ?? null]));
}

export const NOTHING_PUBLISHED = new ToolError(
  'nothing_published',
  'nothing has been published yet: the snapshot is empty',
  'start the pipeline (make pipeline); runs_list says how its runs ended',
);

/** Whether dbt makes the table, by its name: these others are published as they were loaded, or tell of the pipeline itself. */
export const isModel = (table: string): boolean => !/^(pipeline|inbox|quarantine)_/.test(table);

/** @throws ToolError naming those that are like it */
export async function tableNamed(
  context: ToolContext,
  name: string,
): Promise<{ table: Table; snapshot: Snapshot; tables: readonly Table[] }> {
  const { tables, snapshot } = await published(context);
  const table = tables.find((one) => one.name === name);
  if (table) return { table, snapshot, tables };
  if (tables.length === 0) throw NOTHING_PUBLISHED;
  throw unknown(
    'table',
    name,
    tables.map((one) => one.name),
    'data_tables lists them; models that are not published are in dbt_models',
  );
}

/** @throws ToolError naming those that are like it */
export function columnNamed(table: Table, name: string): Column {
  const column = table.columns.find((one) => one.name === name);
  if (column) return column;
  throw unknown(
    'column',
    name,
    table.columns.map((one) => one.name),
    `data_describe {"table": "${table.name}"} lists them`,
  );
}
