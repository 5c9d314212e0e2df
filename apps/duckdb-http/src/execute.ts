import type {
  DuckDBConnection,
  DuckDBDataChunk,
  DuckDBPreparedStatement,
  DuckDBResult,
  Json,
} from '@duckdb/node-api';
import { RequestError } from '@stack/http-server';
import { collectGarbage } from './collect-garbage';
import { fromEngine, isInterrupt } from './engine-error';
import { type Column, checkSize, type Format, type Room } from './formats/format';
import { toJson } from './json-values';
import { bindParameters, type Parameters } from './parameters';

export interface Query {
  sql: string;
  params: Parameters;
  /** Most rows in the answer. @default no limit */
  maxRows?: number;
  /** Aborted when the time is up (reason `'timeout'`) or the caller has gone. */
  signal: AbortSignal;
}

export interface Answer {
  columns: { name: string; type: string }[];
  /** One list a row, in the order of `columns`. */
  rows: Json[][];
  rowCount: number;
  /** There were more rows than the limit. */
  truncated: boolean;
}

/** Chunks of 2048 rows between two collections: the engine's memory of a chunk is freed when JavaScript drops it. */
const COLLECT_EVERY = 64;

/** Chunks after which an error is no longer explained: a query is not run twice for long. */
const EXPLAINED = 64;

/**
 * Runs one checked query and gathers its rows.
 *
 * @param answerLimit most bytes of JSON in the rows
 * @throws RequestError
 */
export async function execute(
  connection: DuckDBConnection,
  query: Query,
  answerLimit: number,
): Promise<Answer> {
  return inTransaction(connection, query.signal, async (transaction) => {
    const statement = await prepare(connection, query.sql, query.params);
    try {
      const result = await statement.stream();
      const chunks = chunksOf(result, statement, transaction);
      return await gather(result, chunks, query.maxRows ?? Infinity, answerLimit);
    } finally {
      statement.destroySync();
    }
  });
}

/**
 * Runs one checked query and hands over its answer piece by piece, the next when the one before is taken; so memory
 * doesn't grow with the answer.
 *
 * @param write resolves when it can take more; rejects to end the query
 * @throws RequestError also in mid-stream: what was written until then is no whole answer
 */
export async function stream(
  connection: DuckDBConnection,
  query: Query,
  format: Format,
  room: Room,
  write: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  await inTransaction(connection, query.signal, async (transaction) => {
    const { columns, from } = await describe(connection, query);
    const encoder = await format.encoder(columns, room);
    const names = columns.map((_, i) => `c${i}`).join(', ');
    const limit = query.maxRows === undefined ? '' : ` LIMIT ${query.maxRows}`;
    const sql = `${from} q(${names}) SELECT ${encoder.select}${limit}`;
    const statement = await prepare(connection, sql, query.params).catch(shiftPosition);
    try {
      const result = await statement.stream();
      for await (const bytes of encoder.encode(chunksOf(result, statement, transaction))) await write(bytes);
    } catch (error) {
      shiftPosition(error);
    } finally {
      statement.destroySync();
    }
  });
}

/** Ends a transaction well. Alone, a COMMIT after an error rolls back and says nothing; a SELECT before it fails. */
const COMMIT = 'SELECT 1; COMMIT';

/** How a transaction is ended. */
interface Transaction {
  /** @throws when something in it has failed, even if nothing said so */
  commit: () => Promise<void>;
  /** Gives up what was done and begins anew. */
  restart: () => Promise<void>;
}

/** Lends the connection to `work`, inside a transaction, and leaves it clean. */
async function inTransaction<R>(
  connection: DuckDBConnection,
  signal: AbortSignal,
  work: (transaction: Transaction) => Promise<R>,
): Promise<R> {
  signal.throwIfAborted();
  // Again and again: an interrupt that falls between two steps of this query is lost.
  let repeat: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    connection.interrupt();
    repeat = setInterval(() => connection.interrupt(), 20);
  };
  signal.addEventListener('abort', interrupt, { once: true });
  let open = false;
  const begin = async (): Promise<void> => {
    await connection.run('BEGIN TRANSACTION READ ONLY');
    open = true;
  };
  try {
    await begin();
    const done = await work({
      commit: async () => {
        await connection.run(COMMIT);
        open = false;
      },
      restart: async () => {
        signal.throwIfAborted();
        await connection.run('ROLLBACK');
        await begin();
      },
    });
    signal.throwIfAborted();
    return done;
  } catch (error) {
    if (signal.aborted && (isInterrupt(error) || error === signal.reason)) throw interrupted(signal);
    throw fromEngine(error);
  } finally {
    signal.removeEventListener('abort', interrupt);
    clearInterval(repeat);
    // Given up early, or failed.
    if (open) await connection.run('ROLLBACK').catch(() => undefined);
  }
}

async function prepare(
  connection: DuckDBConnection,
  sql: string,
  params: Parameters,
): Promise<DuckDBPreparedStatement> {
  const statement = await connection.prepare(sql);
  try {
    bindParameters(statement, params);
    return statement;
  } catch (error) {
    statement.destroySync();
    throw error;
  }
}

/**
 * The result's chunks, then the commit. An error in mid-stream looks like the stream's end; the commit tells the two
 * apart. What the error was only the query itself says, when it is run for the whole at once.
 */
async function* chunksOf(
  result: DuckDBResult,
  statement: DuckDBPreparedStatement,
  { commit, restart }: Transaction,
): AsyncGenerator<DuckDBDataChunk, void> {
  let fetched = 0;
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) break;
    yield chunk;
    fetched += 1;
    if (fetched % COLLECT_EVERY === 0) collectGarbage();
  }
  try {
    await commit();
  } catch (error) {
    if (fetched > EXPLAINED) throw error;
    await restart();
    await statement.run();
    throw error;
  }
}

/** What stands before the caller's SQL when it is read from. */
const FROM = 'FROM (\n';

/**
 * The columns of a query, and the SQL to read from it. The types are only known with the parameters' values, so it is
 * run for no row.
 */
async function describe(
  connection: DuckDBConnection,
  { sql, params }: Query,
): Promise<{ columns: Column[]; from: string }> {
  // A semicolon at the end can't stand in brackets. One with a comment after it is left: the engine writes that anew.
  let from = `${FROM}${sql.replace(/[;\s]+$/, '')}\n)`;
  let statement: DuckDBPreparedStatement;
  try {
    statement = await prepare(connection, `${from} LIMIT 0`, params);
  } catch (error) {
    if (!/;\s*(--|\/\*)/.test(sql)) return shiftPosition(error);
    const anew = await connection.runAndReadAll(
      'SELECT json_deserialize_sql(json_serialize_sql($1::VARCHAR)::JSON)',
      [sql],
    );
    from = `${FROM}${String(anew.value(0, 0))}\n)`;
    statement = await prepare(connection, `${from} LIMIT 0`, params).catch(shiftPosition);
  }
  try {
    const result = await statement.run();
    const names = result.deduplicatedColumnNames();
    return { from, columns: result.columnTypes().map((type, i) => ({ name: names[i]!, type })) };
  } catch (error) {
    return shiftPosition(error);
  } finally {
    statement.destroySync();
  }
}

/** Positions count from the beginning of the caller's SQL. @throws always */
function shiftPosition(error: unknown): never {
  throw isInterrupt(error) ? error : fromEngine(error, FROM.length);
}

async function gather(
  result: DuckDBResult,
  chunks: AsyncIterable<DuckDBDataChunk>,
  maxRows: number,
  answerLimit: number,
): Promise<Answer> {
  const types = result.columnTypes();
  const names = result.columnNames();
  const rows: Json[][] = [];
  let truncated = false;
  let bytes = 0;
  for await (const chunk of chunks) {
    const fetched = chunk.convertRows(toJson);
    truncated = rows.length + fetched.length > maxRows;
    if (truncated) fetched.length = maxRows - rows.length;
    for (const row of fetched) {
      bytes += size(row);
      rows.push(row);
    }
    checkSize(bytes, answerLimit);
    if (truncated) break;
  }
  return {
    columns: names.map((name, i) => ({ name, type: String(types[i]) })),
    rows,
    rowCount: rows.length,
    truncated,
  };
}

/** About how many bytes a value takes as JSON. */
function size(value: Json): number {
  if (typeof value === 'string') return value.length + 3;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + size(item), 2);
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).reduce((sum, [key, item]) => sum + key.length + 4 + size(item), 2);
  }
  return 8;
}

function interrupted(signal: AbortSignal): RequestError {
  return signal.reason === 'timeout'
    ? new RequestError(408, 'query_timeout', 'the query took too long and was stopped', {
        remedy: 'read fewer rows, aggregate earlier, or raise QUERY_TIMEOUT_MS',
      })
    : new RequestError(499, 'client_gone', 'the caller closed the connection', { remedy: 'ask again' });
}
