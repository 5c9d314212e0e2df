import type { QueryResultRow } from 'pg';
import type { Database } from '@stack/postgres/client';
import type { Page } from './objects';

export type JobStatus = 'pending' | 'running' | 'incomplete' | 'failed' | 'succeeded' | 'cancelled';
/** `clear` takes a connection's rows and state away; `reset` is its older name. */
export type JobType = 'sync' | 'clear' | 'reset';

/** `incomplete`: an attempt failed and another will follow. */
export interface Job extends QueryResultRow {
  id: number;
  connection_id: string;
  type: JobType;
  status: JobStatus;
  /** Names what this job loads, in the warehouse: whether it was loaded is asked there. */
  load_id: string;
  attempts: number;
  rows: string;
  bytes: string;
  quarantined: string;
  error: string | null;
  pid: number | null;
  pid_start: string | null;
  created_at: Date;
  started_at: Date | null;
  ended_at: Date | null;
  updated_at: Date;
}

export interface JobFilter {
  connectionId?: string;
  workspaces?: string[];
  type?: string;
  status?: string;
  createdFrom?: Date;
  createdTo?: Date;
  updatedFrom?: Date;
  updatedTo?: Date;
  order?: { column: 'created_at' | 'updated_at'; direction: 'asc' | 'desc' };
}

export const ACTIVE: readonly JobStatus[] = ['pending', 'running', 'incomplete'];

export class Jobs {
  constructor(private readonly database: Database) {}

  find(id: number): Promise<Job | undefined> {
    return this.database.row<Job>('select * from jobs where id = $1', [id]);
  }

  /** Newest first; one more than asked for if there are more. */
  list(page: Page, filter: JobFilter): Promise<Job[]> {
    const { column, direction } = filter.order ?? { column: 'created_at', direction: 'desc' };
    return this.database.rows<Job>(
      `select j.* from jobs j join connections c on c.id = j.connection_id
       where ($1::uuid is null or j.connection_id = $1) and ($2::uuid[] is null or c.workspace_id = any($2::uuid[]))
         and ($3::text is null or j.type = $3) and ($4::text is null or j.status = $4)
         and ($5::timestamptz is null or j.created_at >= $5) and ($6::timestamptz is null or j.created_at <= $6)
         and ($7::timestamptz is null or j.updated_at >= $7) and ($8::timestamptz is null or j.updated_at <= $8)
       order by j.${column} ${direction}, j.id ${direction} limit $9 offset $10`,
      [
        filter.connectionId ?? null,
        filter.workspaces ?? null,
        filter.type ?? null,
        filter.status ?? null,
        filter.createdFrom ?? null,
        filter.createdTo ?? null,
        filter.updatedFrom ?? null,
        filter.updatedTo ?? null,
        page.limit + 1,
        page.offset,
      ],
    );
  }

  /** Undefined when the connection has a job under way already. */
  create(connectionId: string, type: JobType): Promise<Job | undefined> {
    return this.database.row<Job>(
      `insert into jobs (connection_id, type, status) values ($1, $2, 'pending')
       on conflict (connection_id) where status in ('pending', 'running', 'incomplete') do nothing returning *`,
      [connectionId, type],
    );
  }

  active(connectionId: string): Promise<Job | undefined> {
    return this.database.row<Job>('select * from jobs where connection_id = $1 and status = any($2)', [
      connectionId,
      ACTIVE,
    ]);
  }

  /** Makes the next job that may start now a running one. */
  take(): Promise<Job | undefined> {
    return this.database.row<Job>(
      `update jobs set status = 'running', attempts = attempts + 1, started_at = coalesce(started_at, now()),
         updated_at = now(), error = null
       where id = (select id from jobs where status in ('pending', 'incomplete') and not_before <= now()
                   order by id limit 1 for update skip locked) returning *`,
    );
  }

  async started(id: number, pid: number, start: string): Promise<void> {
    await this.database.rows('update jobs set pid = $2, pid_start = $3 where id = $1', [id, pid, start]);
  }

  async progress(id: number, rows: number, bytes: number): Promise<void> {
    await this.database.rows('update jobs set rows = $2, bytes = $3, updated_at = now() where id = $1', [
      id,
      rows,
      bytes,
    ]);
  }

  async succeeded(id: number, rows: number, quarantined: number): Promise<void> {
    await this.database.rows(
      `update jobs set status = 'succeeded', rows = $2, quarantined = $3, pid = null, ended_at = now(), updated_at = now()
       where id = $1 and status = 'running'`,
      [id, rows, quarantined],
    );
  }

  /** @param retryAfter milliseconds; undefined: no further attempt */
  async failed(id: number, error: string, retryAfter?: number): Promise<void> {
    await this.database.rows(
      retryAfter === undefined
        ? `update jobs set status = 'failed', error = $2, pid = null, ended_at = now(), updated_at = now()
           where id = $1 and status = 'running'`
        : `update jobs set status = 'incomplete', error = $2, pid = null, updated_at = now(),
             not_before = now() + make_interval(secs => $3) where id = $1 and status = 'running'`,
      retryAfter === undefined ? [id, error] : [id, error, retryAfter / 1000],
    );
  }

  /** Back into the queue, without counting the attempt: it was this service that had to stop. */
  async postponed(id: number): Promise<void> {
    await this.database.rows(
      `update jobs set status = 'pending', attempts = attempts - 1, pid = null, updated_at = now()
       where id = $1 and status = 'running'`,
      [id],
    );
  }

  /** Cancels it if it isn't running; undefined when it is, or has ended. */
  cancelWaiting(id: number): Promise<Job | undefined> {
    return this.database.row<Job>(
      `update jobs set status = 'cancelled', ended_at = now(), updated_at = now()
       where id = $1 and status in ('pending', 'incomplete') returning *`,
      [id],
    );
  }

  async cancelled(id: number): Promise<void> {
    await this.database.rows(
      `update jobs set status = 'cancelled', pid = null, ended_at = now(), updated_at = now()
       where id = $1 and status = 'running'`,
      [id],
    );
  }

  running(): Promise<Job[]> {
    return this.database.rows<Job>(`select * from jobs where status = 'running'`);
  }

  /** Milliseconds until a job that waits may start; undefined when none waits. */
  async nextIn(): Promise<number | undefined> {
    const row = await this.database.row<{ ms: number | null }>(
      `select extract(epoch from min(not_before) - now())::float8 * 1000 as ms from jobs where status in ('pending', 'incomplete')`,
    );
    return row?.ms === null || row === undefined ? undefined : Math.max(0, row.ms);
  }

  /** The status of each job that isn't over, counted. */
  async counts(): Promise<Record<string, number>> {
    const rows = await this.database.rows<{ status: string; count: number }>(
      'select status, count(*)::integer as count from jobs where status = any($1) group by 1',
      [ACTIVE],
    );
    return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
  }
}
