import {
  type DuckDBDataChunk,
  type DuckDBMaterializedResult,
  type DuckDBPreparedStatement,
  type DuckDBResult,
  type Json,
  ResultReturnType,
} from '@duckdb/node-api';
import { RequestError } from '@stack/http-server';
import { collectGarbage } from './collect-garbage';
import { fromEngine, isInterrupt } from './engine-error';
import { checkSize, type Format, type Room } from './formats/format';
import { toJson } from './json-values';
import type { Parameters } from './parameters';
import type { Described, Session } from './session';

export interface Query {
  sql: string;
  params: Parameters;
  /** Most rows in the answer, which ends there. @default no limit */
  maxRows?: number;
  /** More rows than these are an error, unless the answer ends before. @default no limit */
  rowLimit?: number;
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
 * Chunks of 2048 rows between two collections: the engine's memory of a chunk is freed when JavaScript drops it. More
 * than 64 MB of it and V8 marks its whole heap again and again.
 */
const COLLECT_EVERY = 32;

/** Chunks after which an error is no longer explained: a query is not run twice for long. */
const EXPLAINED = 64;

/** Rows of an answer that is small: those of one chunk of the engine. */
const SMALL = 2_048;

/**
 * Runs one checked query and gathers its rows.
 *
 * A query whose last answer was small is run for the whole at once, which takes one turn of a thread; a stream takes
 * one for each chunk, and one to find its end.
 *
 * @param answerLimit most bytes of JSON in the rows
 * @throws RequestError
 */
export async function execute(session: Session, query: Query, answerLimit: number): Promise<Answer> {
  const { sql, params, signal, maxRows = Infinity } = query;
  return interruptible(session, signal, async () => {
    const names = session.small.get(sql);
    const whole = names && (await runWhole(session, query));
    if (whole) return gather(names, whole, chunksIn(whole), maxRows, answerLimit);
    return session.withStatement(sql, params, async (statement) => {
      const result = await statement.stream();
      const chunks = chunksOf(session, result, statement, signal);
      const answer = await gather(result.columnNames(), result, chunks, maxRows, answerLimit);
      if (answer.rowCount > SMALL || answer.truncated) session.small.delete(sql);
      else if (!ENDS_IN_COMMENT.test(sql)) session.small.set(sql, result.columnNames());
      return answer;
    });
  });
}

/** @returns undefined when it isn't small this time */
async function runWhole(
  session: Session,
  { sql, params }: Query,
): Promise<DuckDBMaterializedResult | undefined> {
  const limited = `${inBrackets(sql)} LIMIT ${SMALL + 1}`;
  const result = await session
    .withStatement(limited, params, (statement) => statement.run())
    .catch(shiftPosition);
  return result.rowCount > SMALL ? undefined : result;
}

async function* chunksIn(result: DuckDBMaterializedResult): AsyncGenerator<DuckDBDataChunk, void> {
  for (let i = 0; i < result.chunkCount; i++) yield result.getChunk(i);
}

/**
 * Runs one checked query and hands over its answer piece by piece, the next when the one before is taken; so memory
 * doesn't grow with the answer.
 *
 * @param write resolves when it can take more; rejects to end the query
 * @throws RequestError also in mid-stream: what was written until then is no whole answer
 */
export async function stream(
  session: Session,
  query: Query,
  format: Format,
  room: Room,
  write: (bytes: Uint8Array) => Promise<void> | undefined,
): Promise<void> {
  const { sql, params, signal } = query;
  await interruptible(session, signal, async () => {
    const { columns, from } = await session.columnsOf(sql, params, () => describe(session, query));
    const encoder = await format.encoder(columns, room);
    const names = columns.map((_, i) => `c${i}`).join(', ');
    const limit = query.maxRows === undefined ? '' : ` LIMIT ${query.maxRows}`;
    const encoded = `${from} q(${names}) SELECT ${encoder.select}${limit}`;
    await session
      .withStatement(encoded, params, async (statement) => {
        const chunks = limited(
          chunksOf(session, await statement.stream(), statement, signal),
          query.rowLimit,
        );
        for await (const bytes of encoder.encode(chunks)) {
          const taken = write(bytes);
          if (taken) await taken;
        }
      })
      .catch(shiftPosition);
  });
}

/** Does `work`, whose queries are interrupted when the signal aborts. */
export async function interruptible<R>(
  session: Session,
  signal: AbortSignal,
  work: () => Promise<R>,
): Promise<R> {
  signal.throwIfAborted();
  // Again and again: an interrupt that falls between two steps of this query is lost.
  let repeat: NodeJS.Timeout | undefined;
  const interrupt = (): void => {
    session.interrupt();
    repeat = setInterval(() => session.interrupt(), 20);
  };
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    const done = await work();
    signal.throwIfAborted();
    return done;
  } catch (error) {
    if (signal.aborted && (isInterrupt(error) || error === signal.reason)) throw interrupted(signal);
    throw fromEngine(error);
  } finally {
    signal.removeEventListener('abort', interrupt);
    clearInterval(repeat);
  }
}

/**
 * The result's chunks. An error in mid-stream looks like the stream's end, but the result has no kind any more. What the
 * error was only the query itself says, when it is run for the whole at once.
 */
async function* chunksOf(
  session: Session,
  result: DuckDBResult,
  statement: DuckDBPreparedStatement,
  signal: AbortSignal,
): AsyncGenerator<DuckDBDataChunk, void> {
  let fetched = 0;
  let ended = false;
  // The engine makes the next chunk while this one is read.
  let next = result.fetchChunk();
  try {
    for (;;) {
      const chunk = await next;
      if (!chunk || chunk.rowCount === 0) break;
      next = result.fetchChunk();
      yield chunk;
      fetched += 1;
      if (fetched % COLLECT_EVERY === 0) collectGarbage();
    }
    ended = true;
  } finally {
    if (!ended) await session.giveUp(next);
  }
  if (result.returnType !== ResultReturnType.INVALID) return;
  signal.throwIfAborted();
  if (fetched <= EXPLAINED) await statement.run();
  throw new RequestError(400, 'invalid_sql', 'the query failed after its first rows', {
    remedy: 'count what it returns, SELECT count(*) FROM (…), which says why',
  });
}

/** @throws RequestError 413 when there are more rows */
async function* limited(
  chunks: AsyncIterable<DuckDBDataChunk>,
  rowLimit = Infinity,
): AsyncGenerator<DuckDBDataChunk, void> {
  let rows = 0;
  for await (const chunk of chunks) {
    rows += chunk.rowCount;
    if (rows > rowLimit) {
      throw new RequestError(413, 'answer_too_large', `the answer has more than ${rowLimit} rows`, {
        remedy: 'add a LIMIT, or send maxRows: this token may have no more at once',
      });
    }
    yield chunk;
  }
}

/** What stands before the caller's SQL when it is read from. */
const FROM = 'FROM (\n';

/** A semicolon at the end can't stand in brackets. One with a comment after it is left. */
const inBrackets = (sql: string): string => `${FROM}${sql.replace(/[;\s]+$/, '')}\n)`;

const ENDS_IN_COMMENT = /;\s*(--|\/\*)/;

/**
 * The columns of a query, and the SQL to read from it. The types are only known with the parameters' values, so it is
 * run for no row.
 */
async function describe(session: Session, { sql, params }: Query): Promise<Described> {
  const columnsFrom = async (from: string): Promise<Described> =>
    session.withStatement(`${from} LIMIT 0`, params, async (statement) => {
      const result = await statement.run();
      const names = result.deduplicatedColumnNames();
      return { from, columns: result.columnTypes().map((type, i) => ({ name: names[i]!, type })) };
    });
  try {
    return await columnsFrom(inBrackets(sql));
  } catch (error) {
    if (!ENDS_IN_COMMENT.test(sql)) return shiftPosition(error);
    // The engine writes it anew.
    return await session
      .withStatement(
        'SELECT json_deserialize_sql(json_serialize_sql($1::VARCHAR)::JSON)',
        [sql],
        async (one) => {
          const anew = await one.runAndReadAll();
          return columnsFrom(`${FROM}${String(anew.value(0, 0))}\n)`);
        },
      )
      .catch(shiftPosition);
  }
}

/** Positions count from the beginning of the caller's SQL. @throws always */
function shiftPosition(error: unknown): never {
  throw isInterrupt(error) ? error : fromEngine(error, FROM.length);
}

async function gather(
  names: readonly string[],
  result: DuckDBResult,
  chunks: AsyncIterable<DuckDBDataChunk>,
  maxRows: number,
  answerLimit: number,
): Promise<Answer> {
  const types = result.columnTypes();
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
