/** One run: its steps, why it failed, what its checks found. */
import { type Next, type ToolContext, tool } from '@stack/mcp';
import { z } from 'zod';
import { CAUSES, IN_WORDS, causeOf, nextOf } from './cause';
import {
  type Maybe,
  at,
  atMs,
  graph,
  keyOf,
  metadata,
  metadataOf,
  secondsBetween,
  shortened,
} from './dagster';
import { type RunEvent, eventsOf, reasonOf } from './events';
import { type Run, failedStepsOf, findRun, isOver, runId, runShape, statusOf, tagOf, told } from './runs';

const STEP_STATUSES = ['waiting', 'running', 'success', 'failed', 'skipped', 'not_run'] as const;

/** Entries of each list that are told; how many there are is told too. */
const MOST = 50;
/** Characters of a reason. */
const REASON = 4_000;

const failure = z.object({
  step: z.string().optional().describe('left out: the run as a whole'),
  at: z.string(),
  reason: z.string().describe('the innermost cause, in the words of the one who raised it'),
  truncated: z
    .literal(true)
    .optional()
    .describe('the reason is shortened: run_logs with maxChars 10000 has more'),
  exception: z.string().optional(),
  metadata,
});

const check = z.object({
  asset: z.string(),
  check: z.string(),
  severity: z.enum(['error', 'warning']).describe('an error stops what comes after; a warning is only told'),
  step: z.string().optional(),
  at: z.string(),
  metadata,
});

export const runDetails = z.object({
  ...runShape,
  cause: z.enum(CAUSES).optional().describe('what kind of thing failed'),
  steps: z
    .array(
      z.object({
        step: z.string(),
        status: z.enum(STEP_STATUSES).describe('not_run: what it needs failed; skipped: nothing was new'),
        started: z.string().optional(),
        ended: z.string().optional(),
        seconds: z.number().optional(),
        attempts: z.number().int(),
        note: z.string().optional().describe('what the step found new, in its words'),
      }),
    )
    .describe('in the order in which they began; those that did not, last'),
  failures: z.array(failure),
  checks: z.object({
    passed: z.number().int(),
    failedTotal: z.number().int(),
    failed: z.array(check).describe(`at most ${MOST}; the others: run_logs with search "Asset check"`),
  }),
  warningsTotal: z.number().int(),
  warnings: z
    .array(z.object({ at: z.string(), step: z.string().optional(), message: z.string() }))
    .describe(`at most ${MOST}; the others: run_logs with level "warning"`),
});

export type RunDetails = z.output<typeof runDetails>;

const PLAN = `query Plan($id: ID!) {
  runOrError(runId: $id) { __typename ... on Run { stepKeysToExecute executionPlan { steps { key } } } }
}`;

/** Keys of all steps that a run has, if Dagster still knows them. */
export async function plannedSteps(context: ToolContext, id: string): Promise<string[]> {
  const { runOrError: run } = await graph<{
    runOrError: Maybe & {
      stepKeysToExecute?: string[] | null;
      executionPlan?: { steps: { key: string }[] } | null;
    };
  }>(context, PLAN, { id });
  return run.stepKeysToExecute ?? run.executionPlan?.steps.map(({ key }) => key) ?? [];
}

/** @throws ToolError when there is no such run */
export async function details(context: ToolContext, id: string): Promise<RunDetails> {
  const run = await findRun(context, id);
  const [events, planned] = await Promise.all([
    eventsOf(context, run.runId),
    plannedSteps(context, run.runId),
  ]);
  const evaluated = events.filter((event) => event.evaluation);
  const failed = evaluated.filter((event) => !event.evaluation?.success);
  const warnings = events.filter((event) => event.level === 'WARNING' && !event.evaluation);
  return {
    ...told(run),
    ...(statusOf(run.status) === 'failed' && { cause: causeOf(failedStepsOf(run)) }),
    steps: stepsOf(run, planned),
    failures: failuresOf(events),
    checks: {
      passed: evaluated.length - failed.length,
      failedTotal: failed.length,
      failed: failed.slice(0, MOST).flatMap(checkOf),
    },
    warningsTotal: warnings.length,
    warnings: warnings.slice(0, MOST).map((event) => ({
      at: atMs(event.timestamp),
      ...(event.stepKey && { step: event.stepKey }),
      message: shortened(event.message, REASON).text,
    })),
  };
}

const STEP_STATUS: Readonly<Record<string, (typeof STEP_STATUSES)[number]>> = {
  SUCCESS: 'success',
  FAILURE: 'failed',
  SKIPPED: 'skipped',
  IN_PROGRESS: 'running',
};

function stepsOf(run: Run, planned: readonly string[]): RunDetails['steps'] {
  const over = isOver(statusOf(run.status));
  const begun = [...run.stepStats].sort((a, b) => (a.startTime ?? Infinity) - (b.startTime ?? Infinity));
  const known = new Set(begun.map((step) => step.stepKey));
  return [
    ...begun.map((step) => ({
      step: step.stepKey,
      status: STEP_STATUS[step.status ?? ''] ?? (over ? ('not_run' as const) : ('waiting' as const)),
      started: at(step.startTime),
      ended: at(step.endTime),
      seconds: secondsBetween(step.startTime, step.endTime),
      attempts: step.attempts.length,
      note: tagOf(run, `stack/${step.stepKey}`),
    })),
    ...planned
      .filter((step) => !known.has(step))
      .map((step) => ({ step, status: over ? ('not_run' as const) : ('waiting' as const), attempts: 0 })),
  ];
}

/** Failures of steps; without one those of Dagster's engine; without those the run's. */
export function failuresOf(events: readonly RunEvent[]): RunDetails['failures'] {
  const steps = events.filter((event) => event.__typename === 'ExecutionStepFailureEvent');
  const resources = events.filter((event) => event.__typename === 'ResourceInitFailureEvent');
  const engine = events.filter((event) => event.__typename === 'EngineEvent' && event.error);
  const last = events.filter((event) => event.__typename === 'RunFailureEvent');
  const telling = [steps, resources, engine, last].find((some) => some.length > 0) ?? [];
  return telling.map((event) => {
    const reason = event.error ? reasonOf(event.error) : { text: event.message };
    const { text, truncated } = shortened(reason.text, REASON);
    return {
      ...(event.stepKey && { step: event.stepKey }),
      at: atMs(event.timestamp),
      reason: text,
      ...(truncated && { truncated }),
      ...(reason.className && { exception: reason.className }),
      metadata: metadataOf(event.failureMetadata?.metadataEntries),
    };
  });
}

function checkOf({ evaluation, stepKey, timestamp }: RunEvent): z.output<typeof check>[] {
  if (!evaluation) return [];
  return [
    {
      asset: keyOf(evaluation.assetKey),
      check: evaluation.checkName,
      severity: evaluation.severity === 'ERROR' ? 'error' : 'warning',
      ...(stepKey && { step: stepKey }),
      at: atMs(timestamp),
      // all expectations with their numbers: quality_results has them
      metadata: metadataOf(evaluation.metadataEntries, ['results']),
    },
  ];
}

export const runShow = tool({
  name: 'run_show',
  title: 'One run of the pipeline',
  description:
    'All of one run: its steps with their times and what each found, why it failed (innermost causes), which checks failed with what they say, warnings. ' +
    'Take it for the reason of a failure, and follow its next calls to the evidence. Log lines are in run_logs.',
  input: z.object({ runId }),
  output: runDetails,
  run: async ({ runId: id }, context) => {
    const data = await details(context, id);
    return { text: textOf(data), data, next: nextCalls(data) };
  },
});

function textOf(run: RunDetails): string {
  const failed = run.failedSteps.join(', ');
  const how = {
    queued: 'waits in the queue',
    running: `is running${runningStep(run)}`,
    success: run.nothingNew
      ? 'ended well; nothing was new since the last publish, so it published nothing'
      : `ended well${run.snapshot ? ` and published the snapshot ${run.snapshot}` : ''}`,
    failed: `failed${failed ? ` at ${failed}` : ''}`,
    canceled: 'was canceled',
  }[run.status];
  const lines = [
    `The run ${run.runId} of ${run.job} ${how}${run.seconds !== undefined ? ` (${run.seconds} s)` : ''}.`,
  ];
  if (run.cause) lines.push(`Kind of failure: ${IN_WORDS[run.cause]}. The reasons are in data.failures.`);
  const notRun = run.steps.filter((step) => step.status === 'not_run').map(({ step }) => step);
  if (notRun.length > 0) lines.push(`Not run: ${notRun.join(', ')}.`);
  if (run.status === 'failed' && !run.snapshot && run.cause !== 'sinks')
    lines.push('It published nothing: readers have the snapshot of before.');
  const { passed, failedTotal } = run.checks;
  if (passed + failedTotal > 0) lines.push(`Checks: ${passed} passed, ${failedTotal} failed.`);
  if (run.warningsTotal > 0) lines.push(`Warnings: ${run.warningsTotal}.`);
  return lines.join('\n');
}

const runningStep = ({ steps }: RunDetails): string => {
  const current = steps.find((step) => step.status === 'running');
  return current ? `, at ${current.step}` : '';
};

function nextCalls(run: RunDetails): Next[] {
  const next: Next[] = run.status === 'failed' ? nextOf(run.runId, run.failedSteps) : [];
  const test = run.checks.failed.find(
    (one) => one.severity === 'error' && one.check !== 'great_expectations',
  );
  if (test && run.cause === 'dbt')
    next.push({
      tool: 'dbt_model_show',
      arguments: { model: test.asset.split('/').at(-1) },
      why: 'code and tests of the model whose test failed',
    });
  else if (test)
    next.push({ tool: 'asset_show', arguments: { key: test.asset }, why: 'the asset whose check failed' });
  const failedChecks = new Set(run.checks.failed.map((one) => one.check));
  if (failedChecks.has('synced'))
    next.push({ tool: 'syncs_list', arguments: { status: 'failed' }, why: 'why Airbyte’s sync failed' });
  if (failedChecks.has('every_file_loaded'))
    next.push({
      tool: 'quality_failing_rows',
      arguments: { kind: 'inbox' },
      why: 'which files or lines of the inbox were refused, and why',
    });
  if (failedChecks.has('every_repository_answered') && run.cause === undefined)
    next.push({
      tool: 'asset_show',
      arguments: { key: 'raw/github_releases' },
      why: 'why GitHub could not be asked',
    });
  if (failedChecks.has('great_expectations') && run.cause !== 'quality')
    next.push({
      tool: 'quality_results',
      arguments: { status: 'failed' },
      why: 'which expectations were not met, though none of them stops the publish',
    });
  if (run.status === 'queued')
    next.push({ tool: 'runs_list', arguments: { status: 'running' }, why: 'which run it waits for' });
  if (!isOver(run.status))
    next.push({ tool: 'run_show', arguments: { runId: run.runId }, why: 'how far it is by now' });
  if (run.warningsTotal > 0)
    next.push({
      tool: 'run_logs',
      arguments: { runId: run.runId, level: 'warning' },
      why: 'its warnings and errors',
    });
  if (run.status === 'failed')
    next.push({
      tool: 'runs_list',
      arguments: { job: run.job, limit: 5 },
      why: 'whether a later run of this job ended well',
    });
  if (next.length === 0)
    next.push({ tool: 'run_logs', arguments: { runId: run.runId }, why: 'what it logged' });
  if (run.snapshot)
    next.push({ tool: 'quality_results', arguments: {}, why: 'what its checks of the data found' });
  return next;
}
