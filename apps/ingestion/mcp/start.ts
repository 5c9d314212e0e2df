import { setTimeout as pause } from 'node:timers/promises';
import { type ToolContext, ToolError, tool, wait } from '@stack/mcp';
import { z } from 'zod';
import { UNDER_WAY, type Job, Airbyte } from './airbyte';
import { connectionId, jobId, syncShape, syncOf, showOf } from './sync';
import { cancelOf } from './syncs';

/** Milliseconds between two looks at a sync. */
const POLL = 1_000;

export const syncStart = tool({
  name: 'sync_start',
  title: 'Start a sync',
  description:
    'Starts a sync of a connection: loads what is new in its source into the warehouse. Models and published tables have it only after a run of the pipeline (assets_materialise), which syncs by itself. With `wait` it tells how far it is and returns how it ended.',
  input: z.object({
    connectionId,
    wait,
  }),
  output: z.object(syncShape),
  changes: {
    destructive: false,
    idempotent: false,
    question: ({ connectionId: of }) => `Start a sync of the connection ${of}?`,
  },
  run: async ({ connectionId: of, wait }, context) => {
    const airbyte = await Airbyte.open(context);
    await airbyte.connection(of);
    const started = await airbyte
      .json<Job>('jobs', { connectionId: of, jobType: 'sync' })
      .catch(async (error) => {
        if (!(error instanceof ToolError) || error.code !== 'conflict') throw error;
        const { entries } = await airbyte.list<Job>(`jobs?connectionId=${of}`, 1);
        const running = entries.find(({ status }) => UNDER_WAY.includes(status));
        throw new ToolError(
          running ? 'sync_under_way' : 'sync_refused',
          running ? `the sync ${running.jobId} of this connection is under way` : error.message,
          running
            ? `sync_show with jobId ${running.jobId} tells how far it is; sync_cancel ends it`
            : 'make the connection active: see connections_list and apps/ingestion/README.md',
        );
      });
    const job = wait > 0 ? await follow(context, airbyte, started, wait) : started;
    const sync = syncOf(job, 4_000);
    return {
      text: `Started the sync ${sync.jobId}; it is ${sync.status}${sync.status === 'succeeded' ? ` with ${sync.rows} rows` : ''}.`,
      data: sync,
      next: [
        showOf(sync.jobId, UNDER_WAY.includes(sync.status) ? 'how far it is, and how it ends' : 'its log'),
        ...(UNDER_WAY.includes(sync.status) ? [cancelOf(sync.jobId)] : []),
        ...(sync.status === 'succeeded' && sync.rows > 0
          ? [
              {
                tool: 'assets_materialise',
                arguments: {},
                why: 'builds the models with what is new, and publishes',
              },
            ]
          : []),
      ],
    };
  },
});

/** @throws ToolError when the caller has gone; the sync goes on */
async function follow(context: ToolContext, airbyte: Airbyte, started: Job, seconds: number): Promise<Job> {
  const deadline = Date.now() + seconds * 1_000;
  let [job, told] = [started, ''];
  try {
    while (UNDER_WAY.includes(job.status) && Date.now() < deadline) {
      await pause(Math.min(POLL, deadline - Date.now()), undefined, { signal: context.signal });
      job = await airbyte.job(job.jobId);
      const line = `${job.status}, attempt ${job.attempts}`;
      if (line !== told || job.rowsSynced > 0) context.progress(job.rowsSynced, undefined, line);
      told = line;
    }
    return job;
  } catch (error) {
    if (!context.signal.aborted) throw error;
    throw new ToolError(
      'wait_cancelled',
      `nobody waits for the sync ${job.jobId} any more; it goes on`,
      `sync_show with jobId ${job.jobId} tells how it ends; sync_cancel ends it`,
    );
  }
}

export const syncCancel = tool({
  name: 'sync_cancel',
  title: 'End a sync',
  description:
    'Ends a sync that waits or is under way. Nothing of it is loaded: rows and state change only together, at its end. One that has ended stays as it is.',
  input: z.object({ jobId }),
  output: z.object(syncShape),
  changes: {
    destructive: true,
    idempotent: true,
    question: ({ jobId: id }) => `End the sync ${id}? Nothing of it will be loaded.`,
  },
  run: async ({ jobId: id }, context) => {
    const airbyte = await Airbyte.open(context);
    const before = await airbyte.job(id);
    const job = UNDER_WAY.includes(before.status)
      ? await airbyte.json<Job>(`jobs/${id}`, undefined, 'DELETE')
      : before;
    return {
      text: UNDER_WAY.includes(before.status)
        ? `The sync ${id} was told to end and is ${job.status}.`
        : `The sync ${id} had ended before: ${job.status}.`,
      data: syncOf(job, 4_000),
      next: [showOf(id, 'what it had done')],
    };
  },
});
