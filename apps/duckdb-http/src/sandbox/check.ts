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

/**
 * Refuses all but one SELECT (WITH, FROM, VALUES, DESCRIBE, SUMMARIZE and SHOW TABLES are such) that reads the
 * snapshot's own tables through functions of the list. The engine's own lock stands behind this: here is caught what
 * passes it, such as `enable_logging(…)` or SQL that arrives as a text in `query('…')`.
 *
 * @param internal names of DuckDB's own views, in lower case: some show paths and settings
 * @throws RequestError
 */
export function checkTree(tree: SyntaxTree, internal: ReadonlySet<string>): void {
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
  visit(tree.statements[0], internal);
}

function visit(node: unknown, internal: ReadonlySet<string>): void {
  if (Array.isArray(node)) {
    for (const child of node) visit(child, internal);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  const fields = node as Record<string, unknown>;
  if (fields.type === 'TABLE_FUNCTION') {
    const call = fields.function as Record<string, unknown>;
    checkFunction(String(call.function_name), ALLOWED_TABLE_FUNCTIONS, call.query_location);
    visit(call.children, internal);
    return;
  }
  if (fields.type === 'BASE_TABLE') checkTable(fields, internal);
  if (fields.type === 'SHOW_REF' && typeof fields.table_name === 'string' && fields.table_name !== '') {
    if (!SHOWN.test(fields.table_name.toLowerCase())) {
      const name = fields.table_name.replaceAll('"', '');
      checkTable({ ...fields, table_name: name }, internal);
    }
  }
  if (typeof fields.function_name === 'string') {
    checkFunction(fields.function_name, ALLOWED_SCALARS, fields.query_location);
  }
  for (const value of Object.values(fields)) visit(value, internal);
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

function checkTable(table: Record<string, unknown>, internal: ReadonlySet<string>): void {
  const schema = String(table.schema_name ?? '').toLowerCase();
  const name = String(table.table_name).toLowerCase();
  if (schema === 'information_schema') return;
  if ((schema === '' || schema === 'main') && !internal.has(name)) return;
  const full = schema === '' ? name : `${schema}.${name}`;
  throw refuse(
    'table_not_allowed',
    `${full} may not be read here`,
    'GET /v1/tables lists the tables',
    table.query_location,
  );
}

const FUNCTIONS_REMEDY =
  'use functions that compute from their arguments; files, settings and SQL in a text stay closed';

function refuse(code: string, message: string, remedy: string, location?: unknown): RequestError {
  const position = typeof location === 'number' && location < 2 ** 32 ? location : undefined;
  return new RequestError(403, code, message, { remedy, position });
}
