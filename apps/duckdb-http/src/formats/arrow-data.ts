import { type DuckDBArrayType, type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import type { Bool, Data, DataType, FixedSizeList, Int64, List, Map_, Struct, Utf8 } from 'apache-arrow';
import { type Arrow, FIXED } from './arrow-types';
import { isValid, readTexts, type Source, validity } from './texts';

/** Bytes of a DECIMAL after the cast to 38 digits. */
const DECIMAL_WIDTH = 16;

/**
 * A vector of the engine as Arrow's data, from its raw buffers: most are not copied here, so the result must be written
 * while the engine's chunk is held.
 *
 * @param type of the vector; one of those that `wireType` returns
 */
export function arrowData(lib: Arrow, source: Source, type: DuckDBType, arrow: DataType): Data {
  const common = {
    type: arrow,
    length: source.rows?.length ?? source.size,
    nullBitmap: bitmap(source),
  };
  const width = type.typeId === DuckDBTypeId.DECIMAL ? DECIMAL_WIDTH : FIXED[type.typeId]?.width;
  if (width !== undefined) {
    const { ArrayType } = arrow as Int64;
    return lib.makeData({ ...common, type: arrow as Int64, data: words(fixed(source, width), ArrayType) });
  }
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
      return lib.makeData({ ...common, type: arrow as Bool, data: pack(fixed(source, 1)) });
    case DuckDBTypeId.VARCHAR:
    case DuckDBTypeId.BLOB: {
      const { bytes, offsets } = readTexts(source);
      return lib.makeData({ ...common, type: arrow as Utf8, valueOffsets: offsets, data: bytes });
    }
    case DuckDBTypeId.STRUCT: {
      const children = structChildren(lib, source, type, arrow);
      return lib.makeData({ ...common, type: arrow as Struct, children });
    }
    case DuckDBTypeId.ARRAY: {
      const { valueType, length } = type as DuckDBArrayType;
      const child = duckdb.array_vector_get_child(source.vector);
      const rows = source.rows && Int32Array.from(spread(source.rows, length));
      const items = { vector: child, size: source.size * length, rows };
      const list = arrow as FixedSizeList;
      return lib.makeData({
        ...common,
        type: list,
        child: arrowData(lib, items, valueType, list.children[0]!.type),
      });
    }
    default:
      return listData(lib, source, type, arrow as List | Map_, common);
  }
}

function structChildren(lib: Arrow, source: Source, type: DuckDBType, arrow: DataType): Data[] {
  const { entryTypes } = type as unknown as { entryTypes: readonly DuckDBType[] };
  return entryTypes.map((entry, i) =>
    arrowData(
      lib,
      { ...source, vector: duckdb.struct_vector_get_child(source.vector, i) },
      entry,
      arrow.children[i]!.type as DataType,
    ),
  );
}

/** Lists, and maps, which the engine holds as lists of a struct of key and value. */
function listData(
  lib: Arrow,
  source: Source,
  type: DuckDBType,
  arrow: List | Map_,
  common: { length: number; nullBitmap: Uint8Array | null },
): Data {
  const { vector, size, rows } = source;
  // Where a list begins among the items of all, and how many it has: 8 bytes each. A NULL's entry means nothing.
  const data = duckdb.vector_get_data(vector, size * 16);
  const entries = new BigUint64Array(data.buffer, data.byteOffset, size * 2);
  const valid = validity(vector, size);
  const offsets = new Int32Array(common.length + 1);
  const items: number[] = [];
  for (let i = 0; i < common.length; i++) {
    const row = rows ? rows[i]! : i;
    if (isValid(valid, row)) {
      const start = Number(entries[row * 2]);
      const length = Number(entries[row * 2 + 1]);
      for (let k = 0; k < length; k++) items.push(start + k);
    }
    offsets[i + 1] = items.length;
  }
  const child: Source = {
    vector: duckdb.list_vector_get_child(vector),
    size: duckdb.list_vector_get_size(vector),
    rows: Int32Array.from(items),
  };
  const item = arrow.children[0]!.type as DataType;
  if (type.typeId === DuckDBTypeId.MAP) {
    const { keyType, valueType } = type as unknown as { keyType: DuckDBType; valueType: DuckDBType };
    const children = [keyType, valueType].map((entry, i) =>
      arrowData(
        lib,
        { ...child, vector: duckdb.struct_vector_get_child(child.vector, i) },
        entry,
        item.children[i]!.type as DataType,
      ),
    );
    const pairs = lib.makeData({ type: item as Struct, length: items.length, children });
    return lib.makeData({ ...common, type: arrow as Map_, valueOffsets: offsets, child: pairs });
  }
  const { valueType } = type as unknown as { valueType: DuckDBType };
  return lib.makeData({
    ...common,
    type: arrow as List,
    valueOffsets: offsets,
    child: arrowData(lib, child, valueType, item),
  });
}

function fixed({ vector, size, rows }: Source, width: number): Uint8Array {
  const data = duckdb.vector_get_data(vector, size * width);
  if (!rows) return data;
  const out = new Uint8Array(rows.length * width);
  rows.forEach((row, i) => out.set(data.subarray(row * width, (row + 1) * width), i * width));
  return out;
}

/** The same bytes as numbers of the width that Arrow's type is made of. */
function words<A>(
  bytes: Uint8Array,
  type: new (buffer: ArrayBufferLike, offset: number, length: number) => A,
): A {
  const { BYTES_PER_ELEMENT: width } = type as unknown as { BYTES_PER_ELEMENT: number };
  return new type(bytes.buffer, bytes.byteOffset, bytes.byteLength / width);
}

function bitmap(source: Source): Uint8Array | null {
  const valid = validity(source.vector, source.size);
  if (!valid || !source.rows) return valid;
  return pack(Uint8Array.from(source.rows, (row) => (isValid(valid, row) ? 1 : 0)));
}

/** A bit for each byte, the lowest first. */
function pack(bytes: Uint8Array): Uint8Array {
  const bits = new Uint8Array(Math.ceil(bytes.length / 8));
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) bits[i >> 3]! |= 1 << (i & 7);
  return bits;
}

function* spread(rows: Int32Array, length: number): Generator<number> {
  for (const row of rows) for (let k = 0; k < length; k++) yield row * length + k;
}
