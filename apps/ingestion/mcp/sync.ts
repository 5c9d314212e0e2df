/** A sync as the tools tell it. */
import { type Next } from '@stack/mcp';
import { z } from 'zod';
import { UNIT, STATUSES, UNDER_WAY, type Job } from './airbyte';

export const uuid = z
  .string()
  .max(36)
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
export const connectionId = uuid.describe('id of a connection from connections_list');
export const jobId = z.number().int().min(1).max(999_999_999).describe('number of a sync from syncs_list');

export const syncShape = {
  jobId: z.number().int(),
  connectionId: z.string(),
  type: z.string().describe('sync, or clear: takes rows and state away'),
  status: z.enum(STATUSES).describe('incomplete: an attempt failed, another follows'),
  started: z.string(),
  ended: z.string().optional(),
  seconds: z.number(),
  rows: z.number().int(),
  bytes: z.number().int(),
  quarantined: z.number().int().describe('rows that did not fit and were kept aside'),
  attempts: z.number().int(),
  failure: z.string().optional().describe('why it failed, in the connector’s or the service’s words'),
  truncated: z.literal(true).optional().describe('`failure` is shortened: sync_show has more of it'),
};
type Sync = z.output<z.ZodObject<typeof syncShape>>;

const iso = (time: string): string => new Date(time).toISOString();

export function syncOf(job: Job, most: number): Sync {
  const { failureReason: reason = '' } = job;
  return {
    jobId: job.jobId,
    connectionId: job.connectionId,
    type: job.jobType,
    status: job.status,
    started: iso(job.startTime),
    ...(!UNDER_WAY.includes(job.status) && { ended: iso(job.lastUpdatedAt) }),
    seconds: Number(/^PT(\d+)S$/.exec(job.duration)?.[1] ?? 0),
    rows: job.rowsSynced,
    bytes: job.bytesSynced,
    quarantined: job.rowsQuarantined,
    attempts: job.attempts,
    ...(reason && { failure: reason.slice(0, most) }),
    ...(reason.length > most && { truncated: true as const }),
  };
}

export const stackLog: Next = {
  tool: 'stack_logs',
  arguments: { unit: UNIT },
  why: 'what the ingestion service itself logged',
};
export const showOf = (job: number, why: string): Next => ({
  tool: 'sync_show',
  arguments: { jobId: job },
  why,
});
export const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;
