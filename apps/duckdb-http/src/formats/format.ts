import type { DuckDBDataChunk, DuckDBType } from '@duckdb/node-api';
import { RequestError } from '@stack/http-server';

export interface Column {
  /** Unlike any other of the same answer: of two that are called `a` the second is `a_1`. */
  name: string;
  type: DuckDBType;
}

/** What an answer that goes out only when it is whole may take until then. */
export interface Room {
  /** Bytes in memory. */
  memory: number;
  /** A folder of this server's own. */
  dir: string;
  /** Most that one answer takes in that folder, in DuckDB's notation. */
  disk: string;
  /** Aborted when nobody waits for the answer any more. */
  signal: AbortSignal;
}

/** A form in which an answer goes out while the engine still works on it. */
export interface Format {
  readonly mediaType: string;
  encoder(columns: readonly Column[], room: Room): Promise<Encoder>;
}

export interface Encoder {
  /** What is read of the query's rows: a list of SQL expressions over its columns, which are called `c0`, `c1`, … */
  select: string;
  /**
   * The bytes of one answer. They are their own: nothing points into the engine's memory. When the chunks end in an
   * error, so does this.
   */
  encode(chunks: AsyncIterable<DuckDBDataChunk>): AsyncIterable<Uint8Array>;
}

/** @throws RequestError when the answer takes more bytes than it may */
export function checkSize(bytes: number, limit: number): void {
  if (bytes <= limit) return;
  throw new RequestError(413, 'answer_too_large', `the answer takes more than ${limit} bytes`, {
    remedy: 'select fewer columns or rows, or ask for a format that streams: ndjson, csv or arrow',
  });
}
