import {
  type DuckDBArrayType,
  type DuckDBDecimalType,
  type DuckDBListType,
  type DuckDBMapType,
  type DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
  DECIMAL,
  INTEGER,
  VARCHAR,
} from '@duckdb/node-api';
import type { DataType, Field } from 'apache-arrow';
import { mapType } from './map-type';

/** Arrow's library, which is loaded only when it is needed. */
export type Arrow = typeof import('apache-arrow');

const T = DuckDBTypeId;

/** Types that lie in the engine's memory as Arrow wants them, and how wide a value is, in bytes. */
export const FIXED: Partial<Record<DuckDBTypeId, { width: number; arrow: (lib: Arrow) => DataType }>> = {
  [T.TINYINT]: { width: 1, arrow: (lib) => new lib.Int8() },
  [T.SMALLINT]: { width: 2, arrow: (lib) => new lib.Int16() },
  [T.INTEGER]: { width: 4, arrow: (lib) => new lib.Int32() },
  [T.BIGINT]: { width: 8, arrow: (lib) => new lib.Int64() },
  [T.UTINYINT]: { width: 1, arrow: (lib) => new lib.Uint8() },
  [T.USMALLINT]: { width: 2, arrow: (lib) => new lib.Uint16() },
  [T.UINTEGER]: { width: 4, arrow: (lib) => new lib.Uint32() },
  [T.UBIGINT]: { width: 8, arrow: (lib) => new lib.Uint64() },
  [T.HUGEINT]: { width: 16, arrow: (lib) => new lib.Decimal(0, 38) },
  [T.FLOAT]: { width: 4, arrow: (lib) => new lib.Float32() },
  [T.DOUBLE]: { width: 8, arrow: (lib) => new lib.Float64() },
  [T.DATE]: { width: 4, arrow: (lib) => new lib.DateDay() },
  [T.TIME]: { width: 8, arrow: (lib) => new lib.TimeMicrosecond() },
  [T.TIME_NS]: { width: 8, arrow: (lib) => new lib.TimeNanosecond() },
  [T.TIMESTAMP_S]: { width: 8, arrow: (lib) => new lib.Timestamp(lib.TimeUnit.SECOND) },
  [T.TIMESTAMP_MS]: { width: 8, arrow: (lib) => new lib.Timestamp(lib.TimeUnit.MILLISECOND) },
  [T.TIMESTAMP]: { width: 8, arrow: (lib) => new lib.Timestamp(lib.TimeUnit.MICROSECOND) },
  [T.TIMESTAMP_NS]: { width: 8, arrow: (lib) => new lib.Timestamp(lib.TimeUnit.NANOSECOND) },
  [T.TIMESTAMP_TZ]: { width: 8, arrow: (lib) => new lib.Timestamp(lib.TimeUnit.MICROSECOND, 'UTC') },
};

/** What the engine has to cast a column to first, so that its memory is Arrow's; what Arrow has no type for is a text. */
export function wireType(type: DuckDBType): DuckDBType {
  return mapType(type, (plain) => {
    if (FIXED[plain.typeId]) return plain;
    switch (plain.typeId) {
      case T.BOOLEAN:
      case T.BLOB:
        return plain;
      case T.SQLNULL:
        return INTEGER;
      // 16 bytes, whatever the precision.
      case T.DECIMAL:
        return DECIMAL(38, (plain as DuckDBDecimalType).scale);
      default:
        return VARCHAR;
    }
  });
}

/** The type in the answer's Arrow schema. */
export function arrowType(lib: Arrow, type: DuckDBType): DataType {
  const fixed = FIXED[type.typeId];
  if (fixed) return fixed.arrow(lib);
  const child = (of: DuckDBType): Field => new lib.Field('item', arrowType(lib, of), true);
  switch (type.typeId) {
    case T.BOOLEAN:
      return new lib.Bool();
    case T.BLOB:
      return new lib.Binary();
    case T.SQLNULL:
      return new lib.Int32();
    case T.DECIMAL: {
      const { scale, width } = type as DuckDBDecimalType;
      return new lib.Decimal(scale, width);
    }
    case T.LIST:
      return new lib.List(child((type as DuckDBListType).valueType));
    case T.ARRAY: {
      const { valueType, length } = type as DuckDBArrayType;
      return new lib.FixedSizeList(length, child(valueType));
    }
    case T.MAP: {
      const { keyType, valueType } = type as DuckDBMapType;
      const key = new lib.Field('key', arrowType(lib, keyType), false);
      const value = new lib.Field('value', arrowType(lib, valueType), true);
      return new lib.Map_(
        new lib.Field('entries', new lib.Struct<{ key: DataType; value: DataType }>([key, value]), false),
      );
    }
    case T.STRUCT: {
      const { entryNames, entryTypes } = type as DuckDBStructType;
      if (entryNames.includes('')) return new lib.Utf8();
      return new lib.Struct(
        entryNames.map((name, i) => new lib.Field(name, arrowType(lib, entryTypes[i]!), true)),
      );
    }
    default:
      return new lib.Utf8();
  }
}
