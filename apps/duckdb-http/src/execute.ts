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
import { clientGone, fromEngine, isInterrupt } from './engine-error';
import { checkSize, type Format, type Room } from './formats/format';
import { jsonText } from './formats/sql-values';
import { textsIn } from './formats/texts';
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
  /** JSON: a list of one list a row, in the order of `columns`. */
  rows: Buffer;
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
 * one for each chunk, and one to find its end. There the engine itself writes the rows, many times faster.
 *
 * @param answerLimit most bytes of JSON in the rows
 * @throws RequestError
 */
export async function execute(session: Session, query: Query, answerLimit: number): Promise<Answer> {
  const { sql, params, signal, maxRows = Infinity } = query;
  return interruptible(session, signal, async () => {
    const names = session.small.get(sql);
    const whole = names && (await runWhole(session, query));
    if (whole) return converted(names, whole, maxRows, answerLimit);
    const {
      columns,
      names: all,
      from,
    } = await session.columnsOf(sql, params, () => describe(session, query));
    const values = columns.map(({ type }, i) => jsonText(type, `c${i}`)).join(", ',', ");
    const limit = maxRows === Infinity ? '' : ` LIMIT ${maxRows + 1}`;
    const encoded = `${from} q(${columnNames(columns)}) SELECT concat(',[', ${values}, ']')${limit}`;
    const answer = await session
      .withStatement(encoded, params, async (statement) => {
        const chunks = chunksOf(session, await statement.stream(), statement, signal);
        return gather(chunks, maxRows, answerLimit);
      })
      .catch(shiftPosition);
    if (answer.rowCount > SMALL || answer.truncated) session.small.delete(sql);
    else if (!ENDS_IN_COMMENT.test(sql)) session.small.set(sql, all);
    return { columns: columns.map(({ type }, i) => ({ name: all[i]!, type: String(type) })), ...answer };
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
    const limit = query.maxRows === undefined ? '' : ` LIMIT ${query.maxRows}`;
    const encoded = `${from} q(${columnNames(columns)}) SELECT ${encoder.select}${limit}`;
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
      const columns = result.columnTypes().map((type, i) => ({ name: names[i]!, type }));
      return { from, names: await ownNames(session, sql, names), columns };
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

/** As the query calls them: in brackets the second `a` is `a_1`. */
async function ownNames(session: Session, sql: string, names: readonly string[]): Promise<readonly string[]> {
  const isSecond = (name: string): boolean => names.includes(name.replace(/_\d+$/, '')) && /_\d+$/.test(name);
  if (!names.some(isSecond)) return names;
  return session.withPrepared(sql, (statement) => names.map((_, i) => statement.columnName(i)));
}

/** Positions count from the beginning of the caller's SQL. @throws always */
function shiftPosition(error: unknown): never {
  throw isInterrupt(error) ? error : fromEngine(error, FROM.length);
}

/** What the columns are called in SQL of ours. */
const columnNames = (columns: readonly unknown[]): string => columns.map((_, i) => `c${i}`).join(', ');

type Rows = Omit<Answer, 'columns'>;

/** The rows that the engine has written: `,[…]` each. */
async function gather(
  chunks: AsyncIterable<DuckDBDataChunk>,
  maxRows: number,
  answerLimit: number,
): Promise<Rows> {
  const parts: Buffer[] = [];
  let [rowCount, size] = [0, 0];
  let truncated = false;
  for await (const chunk of chunks) {
    const { bytes, offsets } = textsIn(chunk, 0);
    truncated = rowCount + chunk.rowCount > maxRows;
    const count = truncated ? maxRows - rowCount : chunk.rowCount;
    const part = bytes.subarray(0, offsets[count]);
    rowCount += count;
    size += part.length;
    checkSize(size, answerLimit);
    parts.push(part);
    if (truncated) break;
  }
  // In place of the first row's comma.
  if (size > 0) parts[0]!.write('[');
  else parts.push(Buffer.from('['));
  parts.push(Buffer.from(']'));
  return { rows: Buffer.concat(parts), rowCount, truncated };
}

/** The same of a small result, from the engine's values. */
function converted(
  names: readonly string[],
  result: DuckDBMaterializedResult,
  maxRows: number,
  answerLimit: number,
): Answer {
  const types = result.columnTypes();
  const rows: Json[][] = [];
  for (let i = 0; i < result.chunkCount; i++) rows.push(...result.getChunk(i).convertRows(toJson));
  const truncated = rows.length > maxRows;
  if (truncated) rows.length = maxRows;
  const bytes = Buffer.from(JSON.stringify(rows));
  checkSize(bytes.length, answerLimit);
  return {
    columns: names.map((name, i) => ({ name, type: String(types[i]) })),
    rows: bytes,
    rowCount: rows.length,
    truncated,
  };
}

function interrupted(signal: AbortSignal): RequestError {
  return signal.reason === 'timeout'
    ? new RequestError(408, 'query_timeout', 'the query took too long and was stopped', {
        remedy: 'read fewer rows, aggregate earlier, or raise QUERY_TIMEOUT_MS',
      })
    : clientGone();
}
