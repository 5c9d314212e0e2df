/** From the lines that a connector wrote to rows with a column for each property. */
import type { SelectedStream } from '../connectors/protocol';
import { type Column, convert, identifier, literal, pointer } from './columns';

export interface StagedRecords {
  selected: SelectedStream;
  /** The connector's lines, as they came; undefined: none, for the columns alone. */
  file?: string;
  /** Bytes of the longest line. */
  longest: number;
  /** Its number among the stream's files. */
  part: number;
  jobId: number;
  columns: readonly Column[];
  /** Columns that must not be null. */
  key: readonly string[];
}

/** SQL for the staged records with a column each, and why a record doesn't fit (`__reason`, else empty). */
export function typedRows({ selected, file, part, longest, jobId, columns, key }: StagedRecords): string {
  const source = file
    ? `read_json_objects(${literal(file)}, format = 'newline_delimited', maximum_object_size = ${Math.max(longest + 16, 1_048_576)})`
    : '(SELECT NULL::JSON AS json WHERE false)';
  // One reading of the line for all properties.
  const pointers = columns.map(({ property }) => literal(pointer(property)));
  const values = pointers.length ? `json_extract(json, [${pointers.join(', ')}])` : 'NULL::JSON[]';
  const converted = columns.map(({ type }, i) => `${convert(`_v[${i + 1}]`, type)} AS _c${i}`);
  const reasons = columns.map(
    ({ name, type }, i) =>
      `CASE WHEN _c${i} IS NULL AND json_type(_v[${i + 1}]) <> 'NULL' THEN ${literal(`${name}: `)} || left(_v[${i + 1}]::VARCHAR, 100) || ${literal(` is no ${type}`)} END`,
  );
  for (const name of key) {
    const i = columns.findIndex((column) => column.name === name);
    reasons.push(
      `CASE WHEN coalesce(json_type(_v[${i + 1}]), 'NULL') = 'NULL' THEN ${literal(`${name}: the primary key is null`)} END`,
    );
  }
  // What the schema doesn't name is kept in the row's metadata.
  const known = Object.fromEntries(
    Object.keys(selected.stream.json_schema.properties ?? {}).map((p) => [p, null]),
  );
  const extra = `json_merge_patch(_data, ${literal(JSON.stringify(known))})`;
  const meta = `CASE WHEN ${extra}::VARCHAR = '{}' THEN json_object('sync_id', ${jobId})
     ELSE json_object('sync_id', ${jobId}, 'extra', ${extra}) END`;
  return `
    SELECT ${[
      ...columns.map(({ name }, i) => `_c${i} AS ${identifier(name)}`),
      'uuid()::VARCHAR AS _airbyte_raw_id',
      '_at AS _airbyte_extracted_at',
      `${meta} AS _airbyte_meta`,
      `${reasons.length ? `concat_ws('; ', ${reasons.join(', ')})` : "''"} AS __reason`,
      `CASE WHEN __reason <> '' THEN _data END AS __record`,
      `${part}::INTEGER AS __part`,
    ].join(', ')}
    FROM (SELECT _v, _data, _at${converted.map((one) => `, ${one}`).join('')}
      FROM (SELECT ${values} AS _v, json_extract(json, '/record/data') AS _data,
              make_timestamptz(CAST((json ->> '/record/emitted_at')::DOUBLE * 1000 AS BIGINT)) AS _at
            FROM ${source}))`;
}
