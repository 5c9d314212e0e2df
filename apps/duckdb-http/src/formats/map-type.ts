import {
  ARRAY,
  type DuckDBArrayType,
  type DuckDBListType,
  type DuckDBMapType,
  type DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
  LIST,
  MAP,
  STRUCT,
  VARCHAR,
} from '@duckdb/node-api';

/** A type with each type inside it, and itself if it has none, replaced; a struct without names becomes a text. */
export function mapType(type: DuckDBType, replace: (plain: DuckDBType) => DuckDBType): DuckDBType {
  switch (type.typeId) {
    case DuckDBTypeId.LIST:
      return LIST(mapType((type as DuckDBListType).valueType, replace));
    case DuckDBTypeId.ARRAY: {
      const { valueType, length } = type as DuckDBArrayType;
      return ARRAY(mapType(valueType, replace), length);
    }
    case DuckDBTypeId.MAP: {
      const { keyType, valueType } = type as DuckDBMapType;
      return MAP(mapType(keyType, replace), mapType(valueType, replace));
    }
    case DuckDBTypeId.STRUCT: {
      const { entryNames, entryTypes } = type as DuckDBStructType;
      if (entryNames.includes('')) return VARCHAR;
      return STRUCT(
        Object.fromEntries(entryNames.map((name, i) => [name, mapType(entryTypes[i]!, replace)])),
      );
    }
    default:
      return replace(type);
  }
}

/** SQL for the column `c<i>` as another type. */
export function castColumn(i: number, from: DuckDBType, to: DuckDBType): string {
  const text = String(to);
  return text === String(from) ? `c${i}` : `c${i}::${text}`;
}
