/** The server's addresses that the page asks, and the token that it sends. */
import { type Table, tableFromIPC } from '@uwdata/flechette';

export interface TableInfo {
  name: string;
  rows: number;
  columns: { name: string; type: string }[];
}

export interface Snapshot {
  id: string | null;
  publishedAt: string | null;
}

/** RFC 9457, as the server sends it. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly remedy: string,
    readonly position?: number,
  ) {
    super(detail);
  }
}

const KEY = 'duckdb-http token';

/** Of this browser, until somebody signs out. */
export const token = {
  get: (): string | null => localStorage.getItem(KEY),
  set: (value: string): void => localStorage.setItem(KEY, value),
  forget: (): void => localStorage.removeItem(KEY),
};

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${token.get() ?? ''}`, 'content-type': 'application/json' };
  const answer = await fetch(path, { ...init, headers }).catch((error: unknown) => {
    throw init.signal?.aborted
      ? error
      : new Problem(0, 'the server can’t be reached', 'is it running? `make status` tells');
  });
  if (answer.ok) return answer;
  const { detail, remedy, position } = (await answer.json().catch(() => ({}))) as Partial<Problem>;
  throw new Problem(answer.status, detail ?? answer.statusText, remedy ?? '', position);
}

export async function tables(): Promise<{ tables: TableInfo[]; snapshot: Snapshot }> {
  return (await ask('/v1/tables')).json() as Promise<{ tables: TableInfo[]; snapshot: Snapshot }>;
}

const post = (sql: string, format: string, maxRows: number | undefined, signal: AbortSignal) =>
  ask('/v1/query', { method: 'POST', body: JSON.stringify({ sql, format, maxRows }), signal });

export interface Result {
  table: Table;
  bytes: number;
}

/**
 * Runs one SELECT.
 *
 * @param progress called with the bytes that came until then
 */
export async function query(
  sql: string,
  maxRows: number,
  signal: AbortSignal,
  progress: (bytes: number) => void,
): Promise<Result> {
  const answer = await post(sql, 'arrow', maxRows, signal);
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw signal.aborted
        ? error
        : new Problem(0, 'the answer broke off in the middle', 'see the server’s log, and try again');
    });
    if (done) break;
    pieces.push(value);
    progress((bytes += value.length));
  }
  const whole = new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer());
  return { table: tableFromIPC(whole, { useBigInt: true, useDecimalInt: true }), bytes };
}

export async function download(sql: string, format: string, signal: AbortSignal): Promise<Blob> {
  return (await post(sql, format, undefined, signal)).blob();
}
