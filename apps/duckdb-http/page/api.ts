/** The server's addresses that the page asks. */
import { Problem, type Session } from '@stack/page';
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

export async function tables(session: Session): Promise<{ tables: TableInfo[]; snapshot: Snapshot }> {
  return (await session.ask('/v1/tables')).json() as Promise<{ tables: TableInfo[]; snapshot: Snapshot }>;
}

const post = (
  session: Session,
  sql: string,
  format: string,
  maxRows: number | undefined,
  signal: AbortSignal,
) => session.ask('/v1/query', { method: 'POST', body: JSON.stringify({ sql, format, maxRows }), signal });

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
  session: Session,
  sql: string,
  maxRows: number,
  signal: AbortSignal,
  progress: (bytes: number) => void,
): Promise<Result> {
  const answer = await post(session, sql, 'arrow', maxRows, signal);
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

export async function download(
  session: Session,
  sql: string,
  format: string,
  signal: AbortSignal,
): Promise<Blob> {
  return (await post(session, sql, format, undefined, signal)).blob();
}
