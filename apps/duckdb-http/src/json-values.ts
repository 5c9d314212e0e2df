import {
  DuckDBDateValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTypeId,
  type DuckDBValueConverter,
  type Json,
  JsonDuckDBValueConverter,
} from '@duckdb/node-api';

const INTEGERS: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UHUGEINT,
  DuckDBTypeId.BIGNUM,
]);

const TIMESTAMPS: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.TIMESTAMP,
  DuckDBTypeId.TIMESTAMP_S,
  DuckDBTypeId.TIMESTAMP_MS,
  DuckDBTypeId.TIMESTAMP_NS,
]);

/**
 * A value of the engine as JSON, with nothing lost:
 *
 * | type | JSON |
 * |---|---|
 * | integers of any width | number up to ±(2^53 − 1), beyond it a string of digits |
 * | DOUBLE, FLOAT | number; `"NaN"`, `"Infinity"`, `"-Infinity"` |
 * | DECIMAL | string: `"1.10"` |
 * | DATE, TIME | string: `"2013-01-31"`, `"05:15:00"` |
 * | TIMESTAMP (any precision) | ISO 8601 without zone: `"2013-01-31T05:15:00"` |
 * | TIMESTAMP WITH TIME ZONE | ISO 8601 in UTC: `"2013-01-31T10:15:00Z"` |
 * | INTERVAL | `{"months": 0, "days": 1, "micros": "0"}` |
 * | LIST, ARRAY / STRUCT / MAP | array / object / array of `{"key", "value"}` |
 * | BLOB, BIT, UUID, ENUM, JSON | string, as DuckDB prints it |
 */
export const toJson: DuckDBValueConverter<Json> = (value, type, converter) => {
  if (value === null || value === undefined) return null;
  if (INTEGERS.has(type.typeId)) {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (TIMESTAMPS.has(type.typeId)) return String(value).replace(' ', 'T');
  // The library prints these two as days.
  if (value instanceof DuckDBDateValue && !value.isFinite) {
    return value.days > 0 ? 'infinity' : '-infinity';
  }
  if (value instanceof DuckDBTimestampTZValue) {
    const text = new DuckDBTimestampValue(value.micros).toString();
    return text.includes(' ') ? `${text.replace(' ', 'T')}Z` : text;
  }
  return JsonDuckDBValueConverter(value, type, converter);
};
