import {
  type DuckDBArrayType,
  type DuckDBListType,
  type DuckDBMapType,
  type DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBUnionType,
} from '@duckdb/node-api';
import { literal } from '@stack/snapshot';

/** SQL that makes a value's JSON or CSV; the values are those of `toJson` in ../json-values.ts. */
interface Scalar {
  value: string;
  /** `value` is a number or a boolean, and is written as such. Otherwise it is a text. */
  bare: boolean;
  /** Where this doesn't hold a number can't be one in JSON: the text is written instead. */
  unless?: { holds: string; text: string };
  /** A text that has no quote, comma or line break. */
  plain?: boolean;
}

/** 2^53 − 1: beyond it a reader that knows only doubles would change a number. */
const SAFE = Number.MAX_SAFE_INTEGER;

function scalar(type: DuckDBType, c: string): Scalar | undefined {
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.SMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.UTINYINT:
    case DuckDBTypeId.USMALLINT:
    case DuckDBTypeId.UINTEGER:
      return { value: c, bare: true };
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
    case DuckDBTypeId.BIGNUM: {
      const value = type.typeId === DuckDBTypeId.BIGINT ? c : `TRY_CAST(${c} AS BIGINT)`;
      const holds = `coalesce(${value} BETWEEN ${-SAFE} AND ${SAFE}, false)`;
      return { value, bare: true, unless: { holds, text: `${c}::VARCHAR` } };
    }
    case DuckDBTypeId.FLOAT:
    case DuckDBTypeId.DOUBLE: {
      const text = `CASE WHEN isnan(${c}) THEN 'NaN' WHEN ${c} > 0 THEN 'Infinity' ELSE '-Infinity' END`;
      return { value: `${c}::DOUBLE`, bare: true, unless: { holds: `isfinite(${c})`, text } };
    }
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
      return { value: iso(c), bare: false, plain: true };
    case DuckDBTypeId.TIMESTAMP_TZ: {
      // By its microseconds: a cast would print it in the zone of the engine's machine.
      const utc = `${iso(`make_timestamp(epoch_us(${c}))`)} || 'Z'`;
      return {
        value: `CASE WHEN isfinite(${c}) THEN ${utc} ELSE ${c}::VARCHAR END`,
        bare: false,
        plain: true,
      };
    }
    case DuckDBTypeId.DECIMAL:
    case DuckDBTypeId.DATE:
    case DuckDBTypeId.TIME:
    case DuckDBTypeId.TIME_NS:
    case DuckDBTypeId.TIME_TZ:
    case DuckDBTypeId.UUID:
    case DuckDBTypeId.BIT:
      return { value: `${c}::VARCHAR`, bare: false, plain: true };
    case DuckDBTypeId.INTERVAL:
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY:
    case DuckDBTypeId.STRUCT:
    case DuckDBTypeId.MAP:
    case DuckDBTypeId.UNION:
      return undefined;
    default:
      // The cast also takes the type JSON off a text, which would otherwise be written as what it holds.
      return { value: `${c}::VARCHAR`, bare: false };
  }
}

function iso(timestamp: string): string {
  return `replace(${timestamp}::VARCHAR, ' ', 'T')`;
}

/** SQL for the value's JSON as a text, `null` for NULL. */
export function jsonText(type: DuckDBType, c: string, depth = 0): string {
  const found = scalar(type, c);
  if (!found) return `CASE WHEN ${c} IS NULL THEN 'null' ELSE ${nested(type, c, depth)} END`;
  const { value, bare, unless } = found;
  if (!bare) return `coalesce(to_json(${value})::VARCHAR, 'null')`;
  const text = unless
    ? `CASE WHEN ${c} IS NULL OR ${unless.holds} THEN ${value}::VARCHAR ELSE '"' || ${unless.text} || '"' END`
    : `${value}::VARCHAR`;
  return `coalesce(${text}, 'null')`;
}

function nested(type: DuckDBType, c: string, depth: number): string {
  switch (type.typeId) {
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY: {
      const item = `x${depth}`;
      const { valueType } = type as DuckDBListType | DuckDBArrayType;
      return array(c, item, jsonText(valueType, item, depth + 1));
    }
    case DuckDBTypeId.MAP: {
      const item = `x${depth}`;
      const { keyType, valueType } = type as DuckDBMapType;
      const key = jsonText(keyType, `${item}.key`, depth + 1);
      const value = jsonText(valueType, `${item}.value`, depth + 1);
      return array(`map_entries(${c})`, item, `concat('{"key":', ${key}, ',"value":', ${value}, '}')`);
    }
    case DuckDBTypeId.STRUCT: {
      const { entryNames, entryTypes } = type as DuckDBStructType;
      const fields = entryTypes.map((entry, i) => {
        const name = literal(`${i > 0 ? ',' : ''}${JSON.stringify(entryNames[i])}:`);
        return `${name}, ${jsonText(entry, `struct_extract_at(${c}, ${i + 1})`, depth)}`;
      });
      return `concat('{', ${fields.join(', ')}, '}')`;
    }
    case DuckDBTypeId.UNION: {
      const { memberTags, memberTypes } = type as DuckDBUnionType;
      const cases = memberTags.map((tag, i) => {
        const value = jsonText(memberTypes[i]!, `union_extract(${c}, ${literal(tag)})`, depth);
        return `WHEN ${literal(tag)} THEN concat(${literal(`{"tag":${JSON.stringify(tag)},"value":`)}, ${value}, '}')`;
      });
      return `CASE union_tag(${c})::VARCHAR ${cases.join(' ')} END`;
    }
    default: {
      const part = (name: string): string => `datepart('${name}', ${c})`;
      const months = `${part('year')} * 12 + ${part('month')}`;
      // The part `microsecond` holds the seconds too.
      const micros = `${part('hour')} * 3600000000 + ${part('minute')} * 60000000 + ${part('microsecond')}`;
      return `concat('{"months":', ${months}, ',"days":', ${part('day')}, ',"micros":"', ${micros}, '"}')`;
    }
  }
}

function array(list: string, item: string, text: string): string {
  return `concat('[', array_to_string(list_transform(${list}, lambda ${item}: ${text}), ','), ']')`;
}

/** SQL for the value's field in CSV: nothing for NULL, texts in quotes, so that an empty one is another thing. */
export function csvText(type: DuckDBType, c: string): string {
  const found = scalar(type, c);
  const quoted = (text: string): string => `'"' || replace(${text}, '"', '""') || '"'`;
  if (!found) return `CASE WHEN ${c} IS NOT NULL THEN ${quoted(jsonText(type, c))} END`;
  if (!found.bare) return found.plain ? found.value : quoted(found.value);
  return found.unless
    ? `CASE WHEN ${found.unless.holds} THEN ${found.value}::VARCHAR ELSE ${found.unless.text} END`
    : `${found.value}::VARCHAR`;
}
