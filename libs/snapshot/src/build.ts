import { DuckDBInstance } from '@duckdb/node-api';
import { DamagedFileError } from './lake';
import type { Manifest } from './manifest';
import { identifier, literal } from './sql';

/** Bounds of the engine while it builds: the reader goes on answering meanwhile. */
const BUILD_OPTIONS = { threads: '2', memory_limit: '512MB' };

/**
 * Writes the tables of a snapshot into a new DuckDB file, in schema `main`, with the indexes that the manifest names.
 *
 * @param file path of the new DuckDB file
 * @param parquet path of each table's Parquet file, by table name
 * @param indexes whether to build the indexes that the manifest names
 * @throws DamagedFileError when rows or columns aren't the manifest's
 */
export async function buildDatabase(
  file: string,
  manifest: Manifest,
  parquet: Map<string, string>,
  indexes: boolean,
): Promise<void> {
  const instance = await DuckDBInstance.create(file, BUILD_OPTIONS);
  try {
    const connection = await instance.connect();
    for (const table of manifest.tables) {
      const name = identifier(table.name);
      const path = parquet.get(table.name);
      if (path === undefined) throw new Error(`table ${table.name} was not fetched`);
      await connection.run(`CREATE TABLE main.${name} AS FROM read_parquet(${literal(path)})`);

      const loaded = await connection.runAndReadAll(`FROM main.${name} LIMIT 0`);
      const expected = table.columns.map((column) => column.name);
      if (loaded.columnNames().join('\0') !== expected.join('\0')) {
        throw new DamagedFileError(
          `${table.key} has columns ${loaded.columnNames().join(', ')}, the manifest says ${expected.join(', ')}`,
        );
      }
      const rows = (await connection.runAndReadAll(`SELECT count(*)::DOUBLE FROM main.${name}`)).value(0, 0);
      if (rows !== table.rows) {
        throw new DamagedFileError(`${table.key} has ${String(rows)} rows, the manifest says ${table.rows}`);
      }
      for (const [i, columns] of indexes ? table.index.entries() : []) {
        const index = identifier(`${table.name}_index_${i}`);
        await connection.run(`CREATE INDEX ${index} ON main.${name} (${columns.map(identifier).join(', ')})`);
      }
    }
    // Everything into the one file: a reader opens it read-only and could not replay a write-ahead log.
    await connection.run('CHECKPOINT');
    connection.closeSync();
  } finally {
    instance.closeSync();
  }
}
