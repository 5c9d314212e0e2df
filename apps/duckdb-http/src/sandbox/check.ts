import { RequestError } from '@stack/http-server';
import { ALLOWED_SCALARS, ALLOWED_TABLE_FUNCTIONS } from './functions';

/** A syntax tree as DuckDB's `json_serialize_sql` writes it. */
export type SyntaxTree =
  | { error: false; statements: unknown[] }
  | { error: true; error_type: string; error_message: string; position?: string };

/** A function whose name has no letter is an operator (`+`, `~~`), and computes only. */
const OPERATOR = /^[^a-z]+$/i;

/** `SHOW` of these lists names, nothing else. */
const SHOWN = /^"?(tables|databases|schemas|__show_tables_expanded)"?$/;

/** Functions, and names without brackets, whose value isn't decided by the snapshot. */
const VOLATILE =
  /^(now|today|age|random|uuid|uuidv4|uuidv7|gen_random_uuid|get_current_(time|timestamp)|transaction_timestamp|current_(date|time|timestamp|localtime|localtimestamp)|local(time|timestamp)|reservoir_quantile)$/i;

/** What a query may read. */
export interface Rules {
  /** Names of DuckDB's own views, in lower case: some show paths and settings. */
  internal: ReadonlySet<string>;
  /** Schemas besides the snapshot's own. */
  schemas: readonly string[];
  /** Whether it may ask which tables there are. */
  mayList: boolean;
  mayRead: (table: string) => boolean;
}

/** What was seen in a query. */
export interface Findings {
  /** The same query on the same snapshot gives the same answer. */
  stable: boolean;
}

/**
 * Refuses all but one SELECT (WITH, FROM, VALUES, DESCRIBE, SUMMARIZE and SHOW TABLES are such) that reads the
 * snapshot's own tables through functions of the list. The engine's own lock stands behind this: here is caught what
 * passes it, such as `enable_logging(…)` or SQL that arrives as a text in `query('…')`.
 *
 * @throws RequestError
 */
export function checkTree(tree: SyntaxTree, rules: Rules): Findings {
  if (tree.error) {
    if (tree.error_type !== 'parser') {
      throw refuse('statement_not_allowed', 'only a SELECT may run here', 'send one SELECT');
    }
    throw new RequestError(400, 'invalid_sql', `Parser Error: ${tree.error_message}`, {
      remedy: 'correct the SQL at the position',
      position: tree.position === undefined ? undefined : Number(tree.position),
    });
  }
  if (tree.statements.length !== 1) {
    throw new RequestError(400, 'one_statement', `the text holds ${tree.statements.length} statements`, {
      remedy: 'send exactly one SELECT',
    });
  }
  const findings = { stable: true };
  visit(tree.statements[0], rules, findings);
  return findings;
}

function visit(node: unknown, rules: Rules, findings: Findings): void {
  if (Array.isArray(node)) {
    for (const child of node) visit(child, rules, findings);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  const fields = node as Record<string, unknown>;
  if (fields.sample) findings.stable = false;
  if (fields.type === 'TABLE_FUNCTION') {
    const call = fields.function as Record<string, unknown>;
    checkFunction(String(call.function_name), ALLOWED_TABLE_FUNCTIONS, call.query_location);
    visit(call.children, rules, findings);
    return;
  }
  if (fields.type === 'BASE_TABLE') checkTable(fields, rules);
  if (fields.type === 'SHOW_REF' && typeof fields.table_name === 'string' && fields.table_name !== '') {
    const shown = fields.table_name.toLowerCase();
    if (!SHOWN.test(shown)) {
      const name = fields.table_name.replaceAll('"', '');
      checkTable({ ...fields, table_name: name }, rules);
    } else if (!rules.mayList) throw cantList(fields.query_location);
  }
  if (typeof fields.function_name === 'string') {
    checkFunction(fields.function_name, ALLOWED_SCALARS, fields.query_location);
    if (VOLATILE.test(fields.function_name)) findings.stable = false;
  }
  if (Array.isArray(fields.column_names) && VOLATILE.test(String(fields.column_names[0])))
    findings.stable = false;
  for (const value of Object.values(fields)) visit(value, rules, findings);
}

function checkFunction(name: string, allowed: ReadonlySet<string>, location: unknown): void {
  if (OPERATOR.test(name) || allowed.has(name.toLowerCase())) return;
  throw refuse(
    'function_not_allowed',
    `the function ${name} may not be called here`,
    FUNCTIONS_REMEDY,
    location,
  );
}

function checkTable(table: Record<string, unknown>, { internal, schemas, mayList, mayRead }: Rules): void {
  const catalog = String(table.catalog_name ?? '').toLowerCase();
  const schema = String(table.schema_name ?? '').toLowerCase();
  const name = String(table.table_name).toLowerCase();
  if (schema === 'information_schema') {
    if (mayList) return;
    throw cantList(table.query_location);
  }
  if (schemas.includes(schema) && catalog === '') return;
  const full = schema === '' ? name : `${schema}.${name}`;
  if ((schema !== '' && schema !== 'main') || internal.has(name)) {
    throw refuse(
      'table_not_allowed',
      `${full} may not be read here`,
      'GET /v1/tables lists the tables',
      table.query_location,
    );
  }
  if (mayRead(name)) return;
  throw refuse(
    'table_not_granted',
    `this token may not read ${full}`,
    'GET /v1/tables lists the tables that it may read; another name in the query may not be called like one of the others',
    table.query_location,
  );
}

const cantList = (location: unknown): RequestError =>
  refuse(
    'table_not_granted',
    'this token reads some tables only, and may not list all',
    'GET /v1/tables lists those that it may read',
    location,
  );

const FUNCTIONS_REMEDY =
  'use functions that compute from their arguments; files, settings and SQL in a text stay closed';

function refuse(code: string, message: string, remedy: string, location?: unknown): RequestError {
  const position = typeof location === 'number' && location < 2 ** 32 ? location : undefined;
  return new RequestError(403, code, message, { remedy, position });
}
