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

/** Bytes of a text's entry in a vector: its length, then the text if it is short, else 4 bytes of it and its address. */
const ENTRY = 16;
const SHORT = 12;

/**
 * Copies a VARCHAR or BLOB vector. The engine writes long texts of a chunk behind each other, so that a few copies fetch
 * thousands of them; short ones lie in the vector itself and are copied as three numbers.
 */
export function readTexts({ vector, size, rows }: Source): Texts {
  const count = rows?.length ?? size;
  const data = duckdb.vector_get_data(vector, size * ENTRY);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const valid = validity(vector, size);
  const offsets = new Int32Array(count + 1);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const row = rows ? rows[i]! : i;
    if (isValid(valid, row)) total += view.getUint32(row * ENTRY, true);
    offsets[i + 1] = total;
  }
  // What is written of a short text may reach beyond its end.
  const bytes = Buffer.allocUnsafe(total + SHORT);
  const out = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let run = { at: 0, entry: 0, end: 0, length: 0 };
  const copyRun = (): void => {
    if (run.length === 0) return;
    // The binding reads the address where it stands in the vector.
    const at = data.byteOffset + run.entry + 8;
    bytes.set(duckdb.get_data_from_pointer(data.buffer as ArrayBuffer, at, run.length), run.at);
    run = { at: 0, entry: 0, end: 0, length: 0 };
  };
  for (let i = 0; i < count; i++) {
    const length = offsets[i + 1]! - offsets[i]!;
    if (length === 0) continue;
    const entry = (rows ? rows[i]! : i) * ENTRY;
    const at = offsets[i]!;
    if (length <= SHORT) {
      out.setUint32(at, view.getUint32(entry + 4, true), true);
      out.setUint32(at + 4, view.getUint32(entry + 8, true), true);
      out.setUint32(at + 8, view.getUint32(entry + 12, true), true);
      continue;
    }
    const address = view.getUint32(entry + 8, true) + view.getUint32(entry + 12, true) * 2 ** 32;
    if (address === run.end && run.at + run.length === at) {
      run.length += length;
      run.end += length;
      continue;
    }
    copyRun();
    run = { at, entry, end: address + length, length };
  }
  copyRun();
  return { bytes: bytes.subarray(0, total), offsets };
}

/** The texts of one VARCHAR column. */
export function textsOf(chunk: DuckDBDataChunk, column: number): Buffer {
  const vector = duckdb.data_chunk_get_vector(chunk.chunk, column);
  return readTexts({ vector, size: chunk.rowCount }).bytes;
}

/** A bit for each row, the lowest first, 0 for NULL; `null` when no row is NULL. */
export function validity(vector: duckdb.Vector, size: number): Uint8Array | null {
  return duckdb.vector_get_validity(vector, Math.ceil(size / 64) * 8) as Uint8Array | null;
}

export function isValid(bits: Uint8Array | null, row: number): boolean {
  return bits === null || (bits[row >> 3]! & (1 << (row & 7))) !== 0;
}
