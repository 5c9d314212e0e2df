import duckdb from '@duckdb/node-bindings';
import type { RecordBatch, Schema } from 'apache-arrow';
import { arrowData } from './arrow-data';
import { type Arrow, arrowType, wireType } from './arrow-types';
import type { Column, Encoder } from './format';
import { castColumn } from './map-type';

/** Bytes of the mark of a stream's end. */
const END = 8;

/** One record batch for each chunk of the engine. */
export function arrowEncoder(lib: Arrow, columns: readonly Column[]): Encoder {
  const types = columns.map(({ type }) => wireType(type));
  const schema = new lib.Schema(
    columns.map(({ name, type }) => new lib.Field(name, arrowType(lib, type), true)),
  );
  const row = new lib.Struct(schema.fields);
  return {
    select: types.map((type, i) => castColumn(i, columns[i]!.type, type)).join(', '),
    async *encode(chunks) {
      const empty = stream(lib, schema);
      const start = empty.subarray(0, -END);
      yield start;
      for await (const chunk of chunks) {
        const length = chunk.rowCount;
        const children = types.map((type, i) => {
          const vector = duckdb.data_chunk_get_vector(chunk.chunk, i);
          return arrowData(lib, { vector, size: length }, type, schema.fields[i]!.type);
        });
        const batch = new lib.RecordBatch(schema, lib.makeData({ type: row, length, children }));
        // Of the stream of this one batch only the batch.
        yield stream(lib, schema, batch).subarray(start.length, -END);
      }
      yield empty.subarray(-END);
    },
  };
}

function stream(lib: Arrow, schema: Schema, batch?: RecordBatch): Uint8Array {
  const writer = new lib.RecordBatchStreamWriter();
  writer.reset(undefined, schema);
  if (batch) writer.write(batch);
  return writer.finish().toUint8Array(true);
}
