/** SQL that the tools make, and values of its answers as they are told. */
import { z } from 'zod';
import type { Column, Parameter } from './client';

/** A name in SQL, whatever is in it. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const OPERATORS = [
  '=',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'in',
  'like',
  'ilike',
  'is_null',
  'is_not_null',
] as const;

export interface Condition {
  readonly column: string;
  readonly op: (typeof OPERATORS)[number];
  readonly value?: Parameter | readonly Parameter[];
}

/** Kinds of columns, by what can be said of their values. */
export type Kind = 'number' | 'time' | 'boolean' | 'text' | 'nested';

export function kindOf(type: string): Kind {
  if (/\[\d*\]$|^(STRUCT|MAP|UNION|JSON|BLOB|BIT|INTERVAL|VARIANT|GEOMETRY)/.test(type)) return 'nested';
  if (/^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|BIGNUM|FLOAT|DOUBLE|DECIMAL)/.test(type)) return 'number';
  if (/^(DATE|TIMESTAMP)/.test(type)) return 'time';
  return type === 'BOOLEAN' ? 'boolean' : 'text';
}

/**
 * A WHERE clause that a list of conditions makes; all of them have to be so.
 * @param typeOf the column's type, to which what is compared is cast
 * @throws RangeError in words when a value doesn't go with its operator
 */
export function whereOf(
  conditions: readonly Condition[],
  typeOf: (column: string) => string,
): { sql: string; params: Parameter[] } {
  const params: Parameter[] = [];
  const bind = (column: string, value: Parameter): string => {
    params.push(value);
    const type = typeOf(column);
    return kindOf(type) === 'nested' || type === 'VARCHAR' || type.startsWith('ENUM')
      ? '?'
      : `CAST(? AS ${type})`;
  };
  const one = ({ column, op, value }: Condition): string => {
    const name = identifier(column);
    if (op === 'is_null' || op === 'is_not_null') return `${name} IS ${op === 'is_null' ? '' : 'NOT '}NULL`;
    if (op === 'in') {
      if (!Array.isArray(value) || value.length === 0)
        throw new RangeError(`${column}: \`in\` takes a list of values, of one at least`);
      return `${name} IN (${(value as Parameter[]).map((item) => bind(column, item)).join(', ')})`;
    }
    if (value === undefined || value === null || typeof value === 'object')
      throw new RangeError(
        `${column}: \`${op}\` takes one value; for NULL there are is_null and is_not_null`,
      );
    if (op === 'like' || op === 'ilike') {
      params.push(String(value));
      return `CAST(${name} AS VARCHAR) ${op === 'like' ? 'LIKE' : 'ILIKE'} ?`;
    }
    return `${name} ${op} ${bind(column, value)}`;
  };
  const all = conditions.map(one);
  return { sql: all.length > 0 ? ` WHERE ${all.join(' AND ')}` : '', params };
}

/** Characters of a value that are told, and of all rows of an answer. */
const MOST_OF_VALUE = 2_000;
const MOST_OF_ANSWER = 200_000;

export interface Fitted {
  readonly rows: readonly (readonly unknown[])[];
  /** Values that were shortened. */
  readonly shortened: number;
}

/**
 * As many rows, from the first, as an answer takes, one at least; values that are long are shortened.
 * Where it ends the caller goes on.
 */
export function fitted(all: readonly (readonly unknown[])[]): Fitted {
  let shortened = 0;
  let length = 0;
  const short = (value: unknown): unknown => {
    const text = typeof value === 'string' ? value : undefined;
    const written = text ?? (typeof value === 'object' && value !== null ? JSON.stringify(value) : undefined);
    if (written === undefined || written.length <= MOST_OF_VALUE) return value;
    shortened += 1;
    return `${written.slice(0, MOST_OF_VALUE)}… (${written.length} characters)`;
  };
  const rows: unknown[][] = [];
  for (const one of all) {
    const before = shortened;
    const row = one.map(short);
    length += JSON.stringify(row).length;
    if (length > MOST_OF_ANSWER && rows.length > 0) {
      shortened = before;
      break;
    }
    rows.push(row);
  }
  return { rows, shortened };
}

/** Whether a statement says in which order its rows come, as far as its text tells: comments and texts don't count. */
export const isOrdered = (sql: string): boolean =>
  /\border\s+by\b/i.test(
    sql.replace(/--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'/g, (part) => (part.startsWith("'") ? "''" : ' ')),
  );

/** A column of an answer, and rows of values: a value is JSON's, numbers beyond 2^53 and decimals are texts. */
export const columnShape = z.object({
  name: z.string(),
  type: z.string().describe("as DuckDB writes it: 'VARCHAR'"),
});
export const rowsShape = z
  .array(z.array(z.unknown()))
  .describe(
    'values in the order of `columns`; integers beyond 2^53 and decimals are strings, times ISO 8601',
  );

/** Columns whose newest value tells how far the data goes. */
export const timeColumns = (columns: readonly Column[]): readonly Column[] =>
  columns.filter(({ type }) => kindOf(type) === 'time');
