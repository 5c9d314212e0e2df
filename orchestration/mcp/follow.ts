/** Waiting for runs, and ending them. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Next, type ToolContext, ToolError, tool } from '@stack/mcp';
import { z } from 'zod';
import { type Maybe, UNIT, graph, shortened } from './dagster';
import { eventsOf } from './events';
import { served } from './published';
import { plannedSteps } from './run';
import { type Run, STATUSES, type Status, findRun, isOver, runId, show, statusOf, tagOf } from './runs';

/** Milliseconds between two looks at a run. */
const POLL = 1_000;

export interface Followed {
  readonly run: Run;
  /** Whether duckdb-http serves the snapshot that the run published. */
  readonly served?: boolean;
}

/** Readers look for a new snapshot every few seconds. */
async function waitServed(context: ToolContext, snapshot: string, deadline: number): Promise<boolean> {
  for (;;) {
    // a later run may have published meanwhile: ids begin with the time
    if (((await served(context)) ?? '') >= snapshot) return true;
    if (Date.now() >= deadline) return false;
    await pause(POLL, undefined, { signal: context.signal });
  }
}

/**
 * Waits until a run has ended, or so many seconds, and tells of each step that ends.
 * @throws ToolError when the caller has gone; the run goes on
 */
export async function follow(context: ToolContext, id: string, seconds: number): Promise<Followed> {
  try {
    const total = (await plannedSteps(context, id)).length || undefined;
    const deadline = Date.now() + seconds * 1_000;
    const ended = new Set<string>();
    for (;;) {
      const run = await findRun(context, id);
      for (const step of run.stepStats) {
        if (ended.has(step.stepKey) || !step.endTime) continue;
        ended.add(step.stepKey);
        context.progress(ended.size, total, `${step.stepKey}: ${(step.status ?? '').toLowerCase()}`);
      }
      if (isOver(statusOf(run.status))) {
        const snapshot = tagOf(run, 'stack/snapshot');
        return { run, served: snapshot ? await waitServed(context, snapshot, deadline) : undefined };
      }
      if (Date.now() >= deadline) return { run };
      await pause(Math.min(POLL, Math.max(deadline - Date.now(), 0)), undefined, { signal: context.signal });
    }
  } catch (error) {
    if (!context.signal.aborted) throw error;
    throw new ToolError(
      'wait_cancelled',
      `nobody waits for the run ${id} any more; it goes on`,
      `run_show with runId "${id}" tells how it ends; run_cancel ends it`,
    );
  }
}

const TERMINATE = `mutation Terminate($id: String!) {
  terminateRun(runId: $id, terminatePolicy: SAFE_TERMINATE) {
    __typename
    ... on TerminateRunFailure { message }
    ... on PythonError { message }
  }
}`;

/** Seconds that a step may take to stop, and between two looks at its events. */
const [STOPPING, LOOK] = [45, 5];
/** Seconds that a run's process may take to start. */
const STARTING = 30;

export const runCancel = tool({
  name: 'run_cancel',
  title: 'End a run',
  description:
    'Ends a run that waits or is at work, and waits until it has stopped. What its steps have loaded or built stays in the warehouse; nothing is published by it, and readers keep the snapshot that they have. A run that has ended stays as it is.',
  input: z.object({ runId }),
  output: z.object({
    runId: z.string(),
    status: z.enum(STATUSES),
    canceled: z.boolean().describe('false: it had ended before, or has not stopped yet'),
    goesOn: z
      .boolean()
      .describe(
        'the step took the interruption for a fault and was begun again, so the run goes on to its end',
      ),
  }),
  changes: {
    destructive: true,
    idempotent: true,
    question: ({ runId: id }) => `End the run ${id}? What it has not published yet is not published.`,
  },
  run: async ({ runId: asked }, context) => {
    const found = await findRun(context, asked);
    const before = statusOf(found.status);
    const { run, goesOn } = isOver(before) ? { run: found, goesOn: false } : await end(context, found);
    const status = statusOf(run.status);
    const next: Next[] = [show(run.runId, isOver(status) ? 'what it had done' : 'how far it is by now')];
    if (!isOver(status))
      next.push({
        tool: 'stack_restart',
        arguments: { unit: UNIT },
        why: 'ends it for certain, and every other run under way',
      });
    return {
      text: endedText(run.runId, before, status, goesOn),
      data: { runId: run.runId, status, canceled: !isOver(before) && status === 'canceled', goesOn },
      next,
    };
  },
});

function endedText(id: string, before: Status, status: Status, goesOn: boolean): string {
  if (isOver(before)) return `The run ${id} had ended before: ${before}.`;
  if (status === 'canceled') return `The run ${id} is ended.`;
  if (isOver(status)) return `The run ${id} was told to end, but came to its end before: ${status}.`;
  return goesOn
    ? `The run ${id} was told to end, but goes on: its step took that for a fault and was begun again (Dagster retries it), and Dagster takes no second request.`
    : `The run ${id} was told to end and has not stopped yet: its step ends when it can.`;
}

/** @throws ToolError when Dagster can't */
async function end(context: ToolContext, found: Run): Promise<{ run: Run; goesOn: boolean }> {
  const id = found.runId;
  // Dagster takes one request only, and none while the run's process starts
  for (let attempt = 1; found.status !== 'CANCELING'; attempt++) {
    const { terminateRun: answer } = await graph<{ terminateRun: Maybe }>(context, TERMINATE, { id });
    if (answer.__typename === 'TerminateRunSuccess') break;
    const { status } = await findRun(context, id);
    // it may have ended by itself meanwhile
    if (isOver(statusOf(status)) || status === 'CANCELING') break;
    if (attempt > STARTING)
      throw new ToolError(
        'not_canceled',
        `Dagster can't end the run ${id}: ${shortened((answer.message ?? answer.__typename).split('\n')[0], 300).text}`,
        'look at its process: stack_logs with unit "orchestration"',
      );
    await pause(1_000, undefined, { signal: context.signal });
  }
  for (let second = 1; ; second++) {
    const run = await findRun(context, id);
    if (isOver(statusOf(run.status))) return { run, goesOn: false };
    if (second % LOOK === 0 && (await isBegunAgain(context, id))) return { run, goesOn: true };
    if (second > STOPPING) return { run, goesOn: false };
    context.progress(second, STOPPING, 'waiting for its step to stop');
    await pause(1_000, undefined, { signal: context.signal });
  }
}

/** Whether a step was interrupted and is tried again, as after a fault. */
async function isBegunAgain(context: ToolContext, id: string): Promise<boolean> {
  const events = await eventsOf(context, id);
  const told = events.findIndex((event) => event.__typename === 'RunCancelingEvent');
  return events.slice(told).some((event) => event.__typename === 'ExecutionStepUpForRetryEvent');
}
