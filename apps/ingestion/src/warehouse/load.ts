/** Takes staged records into their tables. Everything here happens in one transaction. */
import type { DuckDBConnection } from '@duckdb/node-api';
import { SyncError } from '../errors';
import { type SelectedStream, type State, streamKey } from '../connectors/protocol';
import { type Column, columnsOf, identifier, literal } from './columns';
import { typedRows } from './records';
import {
  type TableName,
  checkOwn,
  columnsInTable,
  columnDefinitions,
  ensureTable,
  qualified,
} from './tables';
import { readPast } from './warehouse';

export interface StagedStream {
  selected: SelectedStream;
  table: TableName;
  /** The connector's lines, as they came. */
  files: readonly string[];
  /** Bytes of the longest line. */
  longest: number;
}

export interface Load {
  connectionId: string;
  jobId: number;
  loadId: string;
  /** The state's load that the connector began from. */
  basedOn: string | null;
  streams: readonly StagedStream[];
  /** What the connector may begin from next time. */
  state: readonly State[];
}

export interface Loaded {
  rows: number;
  quarantined: number;
}

/** Bytes of a record of which DuckDB can't take 2,048 at once. */
const LARGE = 32 * 1024;

/** @throws SyncError when another load came between, or a table can't take the stream's columns */
export async function load(
  connection: DuckDBConnection,
  job: Load,
  say: (line: string) => void,
): Promise<Loaded> {
  const past = await readPast(connection, job.connectionId, job.loadId);
  if (past.loaded) return past.loaded;
  if (past.basedOn !== job.basedOn)
    throw new SyncError(
      'the state in the warehouse changed while the connector read: it has to read again',
      true,
    );
  const total: Loaded = { rows: 0, quarantined: 0 };
  for (const stream of job.streams) {
    const { rows, quarantined } = await loadStream(connection, job, stream, say);
    total.rows += rows;
    total.quarantined += quarantined;
    say(
      `${stream.table.schema}.${stream.table.table}: ${rows} rows` +
        (quarantined ? `, ${quarantined} kept aside in quarantine.airbyte_rows` : ''),
    );
    await connection.run(
      `INSERT INTO airbyte_internal.loads VALUES (${literal(job.loadId)}, ${job.jobId}, ${literal(job.connectionId)},
         ${literal(streamKey(stream.selected.stream))}, ${literal(qualified(stream.table))}, ${rows}, ${quarantined}, now())`,
    );
  }
  const connectionId = literal(job.connectionId);
  await connection.run(`DELETE FROM airbyte_internal.state WHERE connection_id = ${connectionId}`);
  await connection.run(
    `INSERT INTO airbyte_internal.state VALUES (${connectionId}, ${literal(JSON.stringify(job.state))}, ${literal(job.loadId)}, now())`,
  );
  return total;
}

/** Takes a connection's tables, state and quarantined rows away. */
export async function clear(
  connection: DuckDBConnection,
  connectionId: string,
  tables: readonly TableName[],
): Promise<void> {
  for (const table of tables)
    if (await checkOwn(connection, table)) await connection.run(`DROP TABLE ${qualified(table)}`);
  for (const books of ['airbyte_internal.state', 'quarantine.airbyte_rows'])
    await connection.run(`DELETE FROM ${books} WHERE connection_id = ${literal(connectionId)}`);
}

async function loadStream(
  connection: DuckDBConnection,
  job: Load,
  staged: StagedStream,
  say: (line: string) => void,
): Promise<Loaded> {
  const { selected, table } = staged;
  const columns = columnsOf(selected.stream.json_schema, selected.selectedFields);
  const key = selected.primaryKey.map(([property]) => columnOf(columns, property, staged));
  const cursor = selected.cursorField.length ? columnOf(columns, selected.cursorField[0], staged) : undefined;
  const dedup = selected.destinationMode.endsWith('_dedup');
  await checkOwn(connection, table);
  await connection.run(`CREATE SCHEMA IF NOT EXISTS ${identifier(table.schema)}`);
  const records = { ...staged, jobId: job.jobId, columns, key: dedup ? key : [] };
  await connection.run(`CREATE OR REPLACE TEMP TABLE typed AS ${typedRows({ ...records, part: 0 })}`);
  for (const [part, file] of staged.files.entries())
    await connection.run(`INSERT INTO typed ${typedRows({ ...records, file, part })}`);
  // Rows go in by the thousand at once; large ones, in the parts that they came in.
  const batches =
    staged.longest > LARGE ? staged.files.map((_, part) => `__part = ${part}`) : ['__part >= 0'];

  if (selected.destinationMode.startsWith('overwrite')) {
    await connection.run(`CREATE OR REPLACE TABLE ${qualified(table)} (${columnDefinitions(columns)})`);
    await connection.run(
      `DELETE FROM quarantine.airbyte_rows
       WHERE connection_id = ${literal(job.connectionId)} AND table_name = ${literal(qualified(table))}`,
    );
  } else await ensureTable(connection, table, columns, say);

  await connection.run(
    `INSERT INTO quarantine.airbyte_rows
     SELECT ${literal(job.connectionId)}, ${job.jobId}, ${literal(qualified(table))}, ${literal(streamKey(selected.stream))},
       __record, __reason, now() FROM typed WHERE __reason <> ''`,
  );
  const quarantined = await count(connection, `FROM typed WHERE __reason <> ''`);
  const rows = await count(connection, `FROM typed WHERE __reason = ''`);
  if (dedup) await merge(connection, table, key, cursor, batches);
  else await insert(connection, table, batches, '');
  await connection.run('DROP TABLE typed');
  return { rows, quarantined };
}

async function insert(
  connection: DuckDBConnection,
  table: TableName,
  batches: readonly string[],
  condition: string,
): Promise<void> {
  for (const batch of batches)
    await connection.run(
      `INSERT INTO ${qualified(table)} BY NAME SELECT * EXCLUDE (__reason, __record, __part) FROM typed
       WHERE ${batch} AND __reason = '' ${condition}`,
    );
}

/** One row of each key: the one with the highest cursor, of those the one that came last; a late row loses against what is there. */
async function merge(
  connection: DuckDBConnection,
  table: TableName,
  key: readonly string[],
  cursor: string | undefined,
  batches: readonly string[],
): Promise<void> {
  const it = cursor && identifier(cursor);
  const narrow = [...new Set([...key, ...(cursor ? [cursor] : [])])].map(identifier).join(', ');
  // Only what decides is compared, not whole rows, which may be large.
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE newest AS SELECT rowid AS __row, ${narrow} FROM typed WHERE __reason = ''
     QUALIFY row_number() OVER (
       PARTITION BY ${key.map(identifier).join(', ')} ORDER BY ${it ? `${it} DESC NULLS LAST, ` : ''}rowid DESC) = 1`,
  );
  const same = key.map((name) => `t.${identifier(name)} = n.${identifier(name)}`).join(' AND ');
  const late = it ? ` AND NOT coalesce(t.${it} > n.${it}, n.${it} IS NULL AND t.${it} IS NOT NULL)` : '';
  await connection.run(`DELETE FROM ${qualified(table)} t USING newest n WHERE ${same}${late}`);
  await connection.run(
    `DELETE FROM newest n WHERE EXISTS (SELECT 1 FROM ${qualified(table)} t WHERE ${same})`,
  );
  await insert(connection, table, batches, 'AND rowid IN (SELECT __row FROM newest)');
  // Change data capture tells of a deletion by this column.
  if ((await columnsInTable(connection, table)).has('_ab_cdc_deleted_at'))
    await connection.run(`DELETE FROM ${qualified(table)} WHERE _ab_cdc_deleted_at IS NOT NULL`);
  await connection.run('DROP TABLE newest');
}

function columnOf(columns: readonly Column[], property: string, { table }: StagedStream): string {
  const found = columns.find((column) => column.property === property);
  if (!found) throw new SyncError(`${table.table}: the stream no longer has ${property}, its key or cursor`);
  return found.name;
}

async function count(connection: DuckDBConnection, from: string): Promise<number> {
  return Number((await connection.runAndReadAll(`SELECT count(*)::DOUBLE ${from}`)).getRowsJson()[0][0]);
}
