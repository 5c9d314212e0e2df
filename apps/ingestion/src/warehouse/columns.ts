/** From a stream's JSON schema to a table's columns, and the SQL that reads them out of a record. */
import type { Schema } from '../connectors/protocol';

export type ColumnType =
  | 'BOOLEAN'
  | 'BIGINT'
  | 'HUGEINT'
  | 'DOUBLE'
  | 'VARCHAR'
  | 'DATE'
  | 'TIME'
  | 'TIMESTAMP'
  | 'TIMESTAMP WITH TIME ZONE'
  | 'JSON';

export interface Column {
  /** Its name in the record. */
  property: string;
  /** Its name in the table. */
  name: string;
  type: ColumnType;
}

/** Columns that every table has besides the record's own, as Airbyte names them. */
export const META_COLUMNS = {
  _airbyte_raw_id: 'VARCHAR',
  _airbyte_extracted_at: 'TIMESTAMP WITH TIME ZONE',
  _airbyte_meta: 'JSON',
} as const;

/** Column for each property of the schema, in its order. DuckDB's names don't differ by case alone: a second one gets a number. */
export function columnsOf(schema: Schema, selected?: readonly string[]): Column[] {
  const taken = new Set(Object.keys(META_COLUMNS));
  return Object.entries(schema.properties ?? {})
    .filter(([property]) => !selected || selected.includes(property))
    .map(([property, described]) => {
      let name = property || '_';
      for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${property}_${n}`;
      taken.add(name.toLowerCase());
      return { property, name, type: typeOf(described) };
    });
}

/** Airbyte's types: https://docs.airbyte.com/understanding-airbyte/supported-data-types */
export function typeOf(schema: Schema): ColumnType {
  const types = [schema.type ?? []].flat().filter((type) => type !== 'null');
  if (types.length !== 1) {
    const variants = [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])].filter((one) => one.type !== 'null');
    if (types.length === 0 && variants.length === 1) return typeOf(variants[0]);
    // Whole numbers are numbers.
    return types.length === 2 && types.includes('integer') && types.includes('number') ? 'DOUBLE' : 'JSON';
  }
  switch (types[0]) {
    case 'boolean':
      return 'BOOLEAN';
    case 'integer':
      return schema.airbyte_type === 'big_integer' ? 'HUGEINT' : 'BIGINT';
    case 'number':
      if (schema.airbyte_type === 'integer') return 'BIGINT';
      return schema.airbyte_type === 'big_number' ? 'VARCHAR' : 'DOUBLE';
    case 'string':
      return ofString(schema);
    default:
      return 'JSON';
  }
}

function ofString({ format, airbyte_type }: Schema): ColumnType {
  if (airbyte_type === 'big_integer') return 'HUGEINT';
  if (format === 'date') return 'DATE';
  if (format === 'date-time')
    return airbyte_type === 'timestamp_without_timezone' ? 'TIMESTAMP' : 'TIMESTAMP WITH TIME ZONE';
  if (format === 'time') return airbyte_type === 'time_without_timezone' ? 'TIME' : 'VARCHAR';
  return 'VARCHAR';
}

const ZONE = String.raw`:\d{2}(\.\d+)?[+-](0[1-9]|1\d|00:?[1-9])`;
const MIDNIGHT = String.raw`\d{4,}-\d{2}-\d{2}([T ]00:00(:00(\.0+)?)?(Z|[+-]00:?00)?)?`;
const WHOLE = String.raw`[+-]?\d+(\.0*)?`;

/** SQL that gives the JSON `value` as the type, or NULL when it can't be that without loss. */
export function convert(value: string, type: ColumnType): string {
  const text = `(${value} ->> '$')`;
  const cast = `try_cast(${text} AS ${type})`;
  switch (type) {
    case 'VARCHAR':
      return text;
    case 'JSON':
      return `CASE WHEN json_type(${value}) <> 'NULL' THEN ${value} END`;
    case 'BOOLEAN':
      return `CASE WHEN lower(${text}) IN ('true', 'false') THEN ${cast} END`;
    case 'BIGINT':
    case 'HUGEINT':
      return `CASE WHEN regexp_full_match(${text}, '${WHOLE}') THEN ${cast} END`;
    case 'DOUBLE':
      return cast;
    case 'DATE':
      return `CASE WHEN regexp_full_match(${text}, '${MIDNIGHT}') THEN ${cast} END`;
    case 'TIMESTAMP':
      return `CASE WHEN NOT regexp_matches(${text}, '${ZONE}') THEN ${cast} END`;
    default:
      return `CASE WHEN json_type(${value}) = 'VARCHAR' THEN ${cast} END`;
  }
}

export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
/** A property's place in a record's line, as a JSON pointer. */
export const pointer = (property: string): string =>
  `/record/data/${property.replaceAll('~', '~0').replaceAll('/', '~1')}`;
