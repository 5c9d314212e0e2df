import type { DuckDBDataChunk } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';

/** Some rows of a vector of the engine. */
export interface Source {
  vector: duckdb.Vector;
  /** Rows that the vector has. */
  size: number;
  /** Which of them, in which order. @default all */
  rows?: Int32Array;
}

export interface Texts {
  /** The texts, or blobs, one after the other, with nothing between; NULL is nothing. */
  bytes: Buffer;
  /** Where each begins; one more at the end. */
  offsets: Int32Array;
}

/**
 * A text's entry in a vector is four words of 4 bytes: its length, then the text if it is short, else 4 bytes of it and
 * its address.
 */
const WORDS = 4;
const SHORT = 12;

/**
 * Copies a VARCHAR or BLOB vector. The engine writes long texts of a chunk behind each other, so that a few copies fetch
 * thousands of them; short ones lie in the vector itself and are copied as up to three numbers.
 */
export function readTexts({ vector, size, rows }: Source): Texts {
  const count = rows?.length ?? size;
  const data = duckdb.vector_get_data(vector, size * WORDS * 4);
  const words = new Int32Array(data.buffer, data.byteOffset, size * WORDS);
  const valid = validity(vector, size);
  const offsets = new Int32Array(count + 1);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const row = rows ? rows[i]! : i;
    if (isValid(valid, row)) total += words[row * WORDS]!;
    offsets[i + 1] = total;
  }
  // What is written of a short text may reach beyond its end.
  const bytes = Buffer.allocUnsafe(total + SHORT);
  const out = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** Long texts that lie behind each other: the first one's entry, where they go, how many bytes, where they end. */
  let [runEntry, runAt, runLength, runEnd] = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const at = offsets[i]!;
    const length = offsets[i + 1]! - at;
    if (length === 0) continue;
    const entry = (rows ? rows[i]! : i) * WORDS;
    if (length <= SHORT) {
      out.setInt32(at, words[entry + 1]!, true);
      if (length > 4) out.setInt32(at + 4, words[entry + 2]!, true);
      if (length > 8) out.setInt32(at + 8, words[entry + 3]!, true);
      continue;
    }
    const address = (words[entry + 2]! >>> 0) + words[entry + 3]! * 2 ** 32;
    if (address === runEnd && runAt + runLength === at) {
      runLength += length;
      runEnd += length;
      continue;
    }
    if (runLength > 0) bytes.set(pointedTo(data, runEntry, runLength), runAt);
    [runEntry, runAt, runLength, runEnd] = [entry, at, length, address + length];
  }
  if (runLength > 0) bytes.set(pointedTo(data, runEntry, runLength), runAt);
  return { bytes: bytes.subarray(0, total), offsets };
}

/** The bytes that a long text's entry points to, and those behind them. The binding reads the address where it stands. */
function pointedTo(data: Uint8Array, entry: number, length: number): Uint8Array {
  return duckdb.get_data_from_pointer(data.buffer as ArrayBuffer, data.byteOffset + entry * 4 + 8, length);
}

/** The texts of one VARCHAR column. */
export function textsIn(chunk: DuckDBDataChunk, column: number): Texts {
  const vector = duckdb.data_chunk_get_vector(chunk.chunk, column);
  return readTexts({ vector, size: chunk.rowCount });
}

/** The same, without where each begins. */
export const textsOf = (chunk: DuckDBDataChunk, column: number): Buffer => textsIn(chunk, column).bytes;

/** A bit for each row, the lowest first, 0 for NULL; `null` when no row is NULL. */
export function validity(vector: duckdb.Vector, size: number): Uint8Array | null {
  return duckdb.vector_get_validity(vector, Math.ceil(size / 64) * 8) as Uint8Array | null;
}

export function isValid(bits: Uint8Array | null, row: number): boolean {
  return bits === null || (bits[row >> 3]! & (1 << (row & 7))) !== 0;
}
