import type { DuckDBConnection, DuckDBResult, Json } from '@duckdb/node-api';
import { RequestError } from '@stack/http-server';
import { fromEngine, isInterrupt } from './engine-error';
import { toJson } from './json-values';
import { bindParameters, type Parameters } from './parameters';

export interface Query {
  sql: string;
  params: Parameters;
  /** Most rows in the answer. */
  maxRows: number;
  /** Most bytes of JSON in the rows of the answer. */
  answerLimit: number;
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

/**
 * Runs one checked query on a connection that nobody else uses meanwhile, and leaves that connection clean.
 *
 * The rows stream, so that a query with many holds no more than the limit. An error in mid-stream looks like the
 * stream's end; the transaction around it tells the two apart: after an error its COMMIT fails.
 *
 * @throws RequestError
 */
export async function execute(connection: DuckDBConnection, query: Query): Promise<Answer> {
  query.signal.throwIfAborted();
  // Again and again: an interrupt that falls between two steps of this query is lost.
  let repeat: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    connection.interrupt();
    repeat = setInterval(() => connection.interrupt(), 20);
  };
  query.signal.addEventListener('abort', interrupt, { once: true });
  let open = false;
  try {
    await connection.run('BEGIN TRANSACTION READ ONLY');
    open = true;
    const statement = await connection.prepare(query.sql);
    try {
      bindParameters(statement, query.params);
      const result = await statement.stream();
      const answer = await read(result, query);
      // Given up early: there is no whole result to commit.
      await connection.run(answer.truncated ? 'ROLLBACK' : 'COMMIT');
      open = false;
      query.signal.throwIfAborted();
      return answer;
    } finally {
      statement.destroySync();
    }
  } catch (error) {
    clearInterval(repeat);
    if (open) await connection.run('ROLLBACK').catch(() => undefined);
    if (query.signal.aborted && (isInterrupt(error) || error === query.signal.reason))
      throw interrupted(query.signal);
    throw fromEngine(error);
  } finally {
    query.signal.removeEventListener('abort', interrupt);
    clearInterval(repeat);
  }
}

async function read(result: DuckDBResult, query: Query): Promise<Answer> {
  const types = result.columnTypes();
  const names = result.columnNames();
  const rows: Json[][] = [];
  let truncated = false;
  let bytes = 0;
  while (!truncated) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) break;
    const fetched = chunk.convertRows(toJson);
    truncated = rows.length + fetched.length > query.maxRows;
    if (truncated) fetched.length = query.maxRows - rows.length;
    for (const row of fetched) {
      bytes += size(row);
      rows.push(row);
    }
    if (bytes > query.answerLimit) {
      throw new RequestError(413, 'answer_too_large', `the rows take more than ${query.answerLimit} bytes`, {
        remedy: 'select fewer columns or rows',
      });
    }
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
