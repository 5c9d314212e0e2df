import { arrow } from './arrow';
import { csv } from './csv';
import type { Format } from './format';
import { columns, ndjson, rows } from './json';
import { parquet } from './parquet';

export const FORMATS = ['json', 'rows', 'columns', 'ndjson', 'csv', 'arrow', 'parquet'] as const;
export type FormatName = (typeof FORMATS)[number];

/** Those that stream; `json` is the one that is read whole, see ../execute.ts. */
export const STREAMED: Record<Exclude<FormatName, 'json'>, Format> = {
  rows,
  columns,
  ndjson,
  csv,
  arrow,
  parquet,
};
