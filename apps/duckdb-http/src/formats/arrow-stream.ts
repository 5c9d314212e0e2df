import duckdb from '@duckdb/node-bindings';
import { arrowData } from './arrow-data';
import { type Arrow, arrowType, wireType } from './arrow-types';
import type { Column, Encoder } from './format';
import { castColumn } from './map-type';

/** One record batch for each chunk of the engine. */
export function arrowEncoder(lib: Arrow, columns: readonly Column[]): Encoder {
  const types = columns.map(({ type }) => wireType(type));
  const schema = new lib.Schema(
    columns.map(({ name, type }) => new lib.Field(name, arrowType(lib, type), true)),
  );
  const row = new lib.Struct(schema.fields);
  /** What the writer writes, until it is taken. */
  class Parts extends lib.AsyncByteQueue {
    private parts: Uint8Array[] = [];

    override write(bytes: Uint8Array): void {
      this.parts.push(bytes);
    }

    take(): Buffer {
      const taken = Buffer.concat(this.parts);
      this.parts = [];
      return taken;
    }
  }
  return {
    select: types.map((type, i) => castColumn(i, columns[i]!.type, type)).join(', '),
    async *encode(chunks) {
      const parts = new Parts();
      const writer = new lib.RecordBatchStreamWriter();
      writer.reset(parts, schema);
      yield parts.take();
      for await (const chunk of chunks) {
        const length = chunk.rowCount;
        const children = types.map((type, i) => {
          const vector = duckdb.data_chunk_get_vector(chunk.chunk, i);
          return arrowData(lib, { vector, size: length }, type, schema.fields[i]!.type);
        });
        writer.write(new lib.RecordBatch(schema, lib.makeData({ type: row, length, children })));
        // Copied here: the batch points into the engine's chunk.
        yield parts.take();
      }
      writer.finish();
      yield parts.take();
    },
  };
}
