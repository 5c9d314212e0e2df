/** A stream's table: made, or brought to the stream's columns. */
import type { DuckDBConnection } from '@duckdb/node-api';
import { SyncError } from '../errors';
import { type Column, META_COLUMNS, identifier, literal } from './columns';

export interface TableName {
  schema: string;
  table: string;
}

export const qualified = ({ schema, table }: TableName): string =>
  `${identifier(schema)}.${identifier(table)}`;

/** What a type may become without losing what is in the column; that it doesn't is checked on the rows. */
const WIDER: Record<string, readonly string[]> = {
  BOOLEAN: ['VARCHAR'],
  BIGINT: ['HUGEINT', 'DOUBLE', 'VARCHAR'],
  HUGEINT: ['VARCHAR'],
  DOUBLE: ['VARCHAR'],
  DATE: ['TIMESTAMP', 'TIMESTAMP WITH TIME ZONE', 'VARCHAR'],
  TIME: ['VARCHAR'],
  TIMESTAMP: ['TIMESTAMP WITH TIME ZONE', 'VARCHAR'],
  'TIMESTAMP WITH TIME ZONE': ['VARCHAR'],
  JSON: ['VARCHAR'],
};

export const columnDefinitions = (columns: readonly Column[]): string =>
  [
    ...columns.map(({ name, type }) => `${identifier(name)} ${type}`),
    ...Object.entries(META_COLUMNS).map(([name, type]) => `${name} ${type}`),
  ].join(', ');

/**
 * Makes the table if there is none; else adds the columns that it lacks and widens those whose type has changed. Columns that
 * the stream no longer has stay.
 *
 * @throws SyncError when a column can't hold both its old values and the new ones
 */
export async function ensureTable(
  connection: DuckDBConnection,
  name: TableName,
  columns: readonly Column[],
  say: (line: string) => void,
): Promise<void> {
  const existing = await columnsInTable(connection, name);
  if (existing.size === 0) {
    await connection.run(`CREATE TABLE ${qualified(name)} (${columnDefinitions(columns)})`);
    return;
  }
  const wanted: { name: string; type: string }[] = [
    ...columns,
    ...Object.entries(META_COLUMNS).map(([column, type]) => ({ name: column, type })),
  ];
  for (const column of wanted) {
    const type = existing.get(column.name.toLowerCase());
    if (type === undefined) {
      say(`${name.schema}.${name.table}: new column ${column.name} ${column.type}`);
      await connection.run(
        `ALTER TABLE ${qualified(name)} ADD COLUMN ${identifier(column.name)} ${column.type}`,
      );
    } else if (type !== column.type && !WIDER[column.type]?.includes(type)) {
      if (!WIDER[type]?.includes(column.type)) throw cannotChange(name, column.name, type, column.type);
      await widen(connection, name, column.name, type, column.type, say);
    }
  }
}

/** Type of each column, by its name in small letters; empty when there is no such table. */
export async function columnsInTable(
  connection: DuckDBConnection,
  { schema, table }: TableName,
): Promise<Map<string, string>> {
  const found = await connection.runAndReadAll(
    `SELECT lower(column_name), data_type FROM duckdb_columns()
     WHERE database_name = current_database() AND lower(schema_name) = lower(${literal(schema)})
       AND lower(table_name) = lower(${literal(table)})`,
  );
  return new Map(found.getRowsJson().map(([column, type]) => [String(column), String(type)]));
}

/**
 * Refuses a table that something else made: dlt, dbt or a person.
 *
 * @returns whether there is such a table, made here
 * @throws SyncError naming it
 */
export async function checkOwn(connection: DuckDBConnection, name: TableName): Promise<boolean> {
  if ((await columnsInTable(connection, name)).size === 0) return false;
  const own = await connection.runAndReadAll(
    `SELECT count(*)::INTEGER FROM airbyte_internal.loads WHERE lower(table_name) = lower(${literal(qualified(name))})`,
  );
  if (own.getRowsJson()[0][0] !== 0) return true;
  throw new SyncError(
    `the table ${name.schema}.${name.table} is there already, and no sync made it: ` +
      'give the connection a prefix, or its destination another schema',
  );
}

async function widen(
  connection: DuckDBConnection,
  name: TableName,
  column: string,
  from: string,
  to: string,
  say: (line: string) => void,
): Promise<void> {
  const it = identifier(column);
  const lost = await connection.runAndReadAll(
    `SELECT count(*)::INTEGER FROM ${qualified(name)} WHERE try_cast(try_cast(${it} AS ${to}) AS ${from}) IS DISTINCT FROM ${it}`,
  );
  if (lost.getRowsJson()[0][0] !== 0) throw cannotChange(name, column, from, to);
  say(`${name.schema}.${name.table}: column ${column} becomes ${to}, it was ${from}`);
  await connection.run(`ALTER TABLE ${qualified(name)} ALTER COLUMN ${it} SET DATA TYPE ${to}`);
}

const cannotChange = ({ schema, table }: TableName, column: string, from: string, to: string): SyncError =>
  new SyncError(
    `the column ${column} of ${schema}.${table} is ${from}, and the source now says ${to}: no type holds both. ` +
      'Clear the connection (POST /jobs with jobType "clear") and sync it again, or leave the column out (selectedFields)',
  );
