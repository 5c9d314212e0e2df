import type { Owner } from '../turns';

/** What a token is good for. */
export interface Grant extends Owner {
  /** Names of tables that it reads; `*` stands for any characters. */
  tables: readonly string[];
  /** Makes and removes tokens. */
  admin: boolean;
  /** Rows of an answer: `json` ends there and says so, in any other format more is an error. */
  maxRows?: number;
  /** Bytes of an answer. */
  maxBytes?: number;
  /** Milliseconds of a query, if that is less than the server's own limit. */
  timeoutMs?: number;
  /** The engine's memory for all its queries, in DuckDB's notation. @default it shares the server's */
  memory?: string;
}

export const ALL_TABLES = ['*'];

export function mayReadAll({ tables }: Grant): boolean {
  return tables.includes('*');
}

/** Whether it reads the table, by a name as the engine compares it: without regard to case. */
export function mayRead({ tables }: Grant, table: string): boolean {
  return tables.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`, 'is').test(table);
  });
}
