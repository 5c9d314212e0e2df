/** Runs: their list, and how one is named. */
import { type Next, type ToolContext, ToolError, more, paged, tool, nearest } from '@stack/mcp';
import { z } from 'zod';
import { type Maybe, REPOSITORY, at, dagsterError, graph, secondsBetween } from './dagster';

export const STATUSES = ['queued', 'running', 'success', 'failed', 'canceled'] as const;
export type Status = (typeof STATUSES)[number];

const DAGSTERS: Record<Status, readonly string[]> = {
  queued: ['QUEUED', 'NOT_STARTED', 'MANAGED'],
  running: ['STARTING', 'STARTED', 'CANCELING', 'SUSPENDED'],
  success: ['SUCCESS'],
  failed: ['FAILURE'],
  canceled: ['CANCELED'],
};

export const statusOf = (dagsters: string): Status =>
  STATUSES.find((status) => DAGSTERS[status].includes(dagsters)) ?? 'running';

export const isOver = (status: Status): boolean => ['success', 'failed', 'canceled'].includes(status);

/** Runs in Dagster's own statuses. */
export const dagstersStatuses = (...statuses: readonly Status[]): string[] =>
  statuses.flatMap((status) => DAGSTERS[status]);

const FIELDS = 'runId jobName status creationTime startTime endTime tags { key value }';
const STEPS = 'stepStats { stepKey status startTime endTime attempts { startTime } }';

export interface Run {
  readonly runId: string;
  readonly jobName: string;
  readonly status: string;
  readonly creationTime: number;
  readonly startTime?: number | null;
  readonly endTime?: number | null;
  readonly tags: readonly { readonly key: string; readonly value: string }[];
  readonly stepStats: readonly {
    readonly stepKey: string;
    readonly status?: string | null;
    readonly startTime?: number | null;
    readonly endTime?: number | null;
    readonly attempts: readonly unknown[];
  }[];
}

const FULL = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const runId = z
  .string()
  .max(36)
  .regex(/^[0-9a-f]{8}((-[0-9a-f]{4}){3}-[0-9a-f]{12})?$/)
  .describe('id of a run from runs_list; its first eight characters, as alerts have them, will do');

export const jobName = z.string().max(100).regex(/^\w+$/);

/** What every answer about a run says of it. */
export const runShape = {
  runId: z.string(),
  job: z.string(),
  status: z.enum(STATUSES),
  queued: z.string().describe('ISO 8601'),
  started: z.string().optional(),
  ended: z.string().optional(),
  seconds: z.number().optional().describe('from start to end, or until now'),
  failedSteps: z.array(z.string()),
  trigger: z.enum(['schedule', 'sensor', 'backfill', 'assistant', 'manual']),
  triggeredBy: z.string().optional().describe('name of the schedule or sensor'),
  nothingNew: z.boolean().describe('it ended well without publishing: everything is as in the last publish'),
  snapshot: z.string().optional().describe('id of the snapshot that it published'),
};

/** Tag of a run that an assistant started. */
export const BY_ASSISTANT = { key: 'stack/started_by', value: 'mcp' } as const;

export const tagOf = (run: Pick<Run, 'tags'>, key: string): string | undefined =>
  run.tags.find((tag) => tag.key === key)?.value;

export function triggerOf(run: Pick<Run, 'tags'>): {
  trigger: z.output<(typeof runShape)['trigger']>;
  triggeredBy?: string;
} {
  for (const kind of ['schedule', 'sensor'] as const) {
    const name = tagOf(run, `dagster/${kind}_name`);
    if (name) return { trigger: kind, triggeredBy: name };
  }
  if (tagOf(run, 'dagster/backfill')) return { trigger: 'backfill' };
  return { trigger: tagOf(run, BY_ASSISTANT.key) === BY_ASSISTANT.value ? 'assistant' : 'manual' };
}

export const failedStepsOf = ({ stepStats }: Pick<Run, 'stepStats'>): string[] =>
  stepStats.filter((step) => step.status === 'FAILURE').map((step) => step.stepKey);

export function told(run: Run): z.output<z.ZodObject<typeof runShape>> {
  const status = statusOf(run.status);
  const end = run.endTime ?? (isOver(status) ? undefined : Date.now() / 1_000);
  return {
    runId: run.runId,
    job: run.jobName,
    status,
    queued: at(run.creationTime) ?? '',
    started: at(run.startTime),
    ended: at(run.endTime),
    seconds: secondsBetween(run.startTime, end),
    failedSteps: failedStepsOf(run),
    ...triggerOf(run),
    nothingNew: tagOf(run, 'stack/outcome') === 'nothing new',
    snapshot: tagOf(run, 'stack/snapshot'),
  };
}

const LIST = `query Runs($filter: RunsFilter, $cursor: String, $limit: Int!, $steps: Boolean!) {
  runsOrError(filter: $filter, cursor: $cursor, limit: $limit) {
    __typename
    ... on Runs { count results { ${FIELDS} ... @include(if: $steps) { ${STEPS} } } }
    ... on PythonError { message }
  }
}`;

export interface Listed {
  readonly runs: readonly Run[];
  readonly count: number;
}

/**
 * Runs, newest first.
 * @param cursor the id of the run before the first one that is wanted
 * @param stepsOf which runs come with their steps: Dagster reads each one's events for them
 */
export async function listRuns(
  context: ToolContext,
  filter: object,
  limit: number,
  { cursor, stepsOf = 'all' }: { cursor?: string; stepsOf?: 'all' | 'failed' } = {},
): Promise<Listed> {
  const page = async (variables: object): Promise<Listed> => {
    const { runsOrError: answer } = await graph<{ runsOrError: Maybe & { count?: number; results?: Run[] } }>(
      context,
      LIST,
      variables,
    );
    if (!answer.results) throw dagsterError(answer.message ?? answer.__typename);
    return { runs: answer.results, count: answer.count ?? answer.results.length };
  };
  if (stepsOf === 'all') return page({ filter, limit, cursor, steps: true });
  const { runs, count } = await page({ filter, limit, cursor, steps: false });
  const runIds = runs.filter((run) => statusOf(run.status) === 'failed').map((run) => run.runId);
  const failed = runIds.length > 0 ? await page({ filter: { runIds }, limit, steps: true }) : { runs: [] };
  const steps = new Map(failed.runs.map((run) => [run.runId, run.stepStats]));
  return { runs: runs.map((run) => ({ ...run, stepStats: steps.get(run.runId) ?? [] })), count };
}

/** How far back the first characters of an id are looked for. */
const RECENT = 200;

/** Ids of the newest runs. */
export async function recentIds(context: ToolContext, limit = RECENT): Promise<string[]> {
  const query = `query Ids($limit: Int!) { runsOrError(limit: $limit) { ... on Runs { results { runId } } } }`;
  const { runsOrError } = await graph<{ runsOrError: { results?: { runId: string }[] } }>(context, query, {
    limit,
  });
  return (runsOrError.results ?? []).map((run) => run.runId);
}

/**
 * The id that is meant.
 * @throws ToolError when it's only the beginning of one, and of none of the newest runs
 */
export async function fullId(context: ToolContext, id: string): Promise<string> {
  if (FULL.test(id)) return id;
  const ids = await recentIds(context);
  const found = ids.find((one) => one.startsWith(id));
  if (found) return found;
  throw unknown(id, ids);
}

/** @throws ToolError when there is no such run */
export async function findRun(context: ToolContext, id: string): Promise<Run> {
  const whole = await fullId(context, id);
  const { runs } = await listRuns(context, { runIds: [whole] }, 1);
  if (runs[0]) return runs[0];
  throw unknown(id, await recentIds(context, 3));
}

const unknown = (id: string, known: readonly string[]): ToolError =>
  new ToolError(
    'unknown_run',
    `there is no run ${id}`,
    known.length > 0
      ? `the newest are ${known.slice(0, 3).join(', ')}; runs_list has the others`
      : 'there was no run yet: assets_materialise starts one',
  );

const JOBS = `query Jobs($selector: RepositorySelector!) {
  repositoryOrError(repositorySelector: $selector) { ... on Repository { jobs { name } } }
}`;

/** Names of the jobs of the code location. */
export async function jobs(context: ToolContext): Promise<string[]> {
  const { repositoryOrError } = await graph<{ repositoryOrError: { jobs?: { name: string }[] } }>(
    context,
    JOBS,
    { selector: REPOSITORY },
  );
  return (repositoryOrError.jobs ?? []).map(({ name }) => name);
}

export const unknownJob = (job: string, known: readonly string[]): ToolError =>
  new ToolError(
    'unknown_job',
    `there is no job ${job}`,
    `${nearest(job, known)[0] ? `do you mean ${nearest(job, known)[0]}? ` : ''}Jobs are ${known.filter((name) => !name.startsWith('__')).join(', ')}`,
  );

export const show = (id: string, why: string): Next => ({
  tool: 'run_show',
  arguments: { runId: id },
  why,
});

const pageSchema = z.object({ runs: z.array(z.object(runShape)), ...more });

export const runsList = tool({
  name: 'runs_list',
  title: 'Runs of the pipeline',
  description:
    'Runs of Dagster’s jobs (the pipeline, inbox, github, flight_days, sinks), newest first: status, times, which steps failed, who started them. ' +
    'Begin here when "the pipeline failed" or data is late. What went wrong within a run is in run_show; its log in run_logs.',
  input: z.object({
    status: z.enum(STATUSES).optional().describe('only runs with this status'),
    job: jobName.optional().describe('only runs of this job: "pipeline"'),
    ...paged,
  }),
  output: pageSchema,
  run: async ({ status, job, limit, cursor }, context) => {
    if (cursor !== undefined && !FULL.test(cursor)) throw badCursor();
    const filter = {
      ...(status && { statuses: dagstersStatuses(status) }),
      ...(job && { pipelineName: job }),
    };
    const { runs, count } = await listRuns(context, filter, limit + 1, { cursor, stepsOf: 'failed' });
    if (runs.length === 0) await explainNone(context, job, cursor);
    const entries = runs.slice(0, limit);
    const nextCursor = runs.length > limit ? entries.at(-1)?.runId : undefined;
    const failed = entries.find((run) => statusOf(run.status) === 'failed');
    const newest = entries[0];
    const next: Next[] = [];
    if (failed) next.push(show(failed.runId, 'why the newest failed one of these failed'));
    if (newest && newest !== failed)
      next.push(show(newest.runId, 'what the newest of these did, step by step'));
    if (nextCursor)
      next.push({
        tool: 'runs_list',
        arguments: { status, job, limit, cursor: nextCursor },
        why: 'older runs',
      });
    if (!newest && (status ?? job)) next.push({ tool: 'runs_list', arguments: {}, why: 'all runs' });
    if (!newest && !status && !job)
      next.push({ tool: 'assets_materialise', arguments: {}, why: 'starts the pipeline' });
    return {
      text: textOf(entries, count, status, job),
      data: { runs: entries.map(told), total: count, ...(nextCursor && { nextCursor }) },
      next,
    };
  },
});

const badCursor = (): ToolError =>
  new ToolError(
    'bad_cursor',
    'this cursor is from no answer of this tool',
    'leave `cursor` out to begin anew',
  );

/** @throws ToolError when nothing was found since job or cursor can't be */
async function explainNone(context: ToolContext, job?: string, cursor?: string): Promise<void> {
  if (cursor && (await listRuns(context, { runIds: [cursor] }, 1)).runs.length === 0) throw badCursor();
  if (!job) return;
  const known = await jobs(context);
  if (!known.includes(job)) throw unknownJob(job, known);
}

function textOf(runs: readonly Run[], count: number, status?: Status, job?: string): string {
  const what = `${status ? `${status} ` : ''}run${count === 1 ? '' : 's'}${job ? ` of the job ${job}` : ''}`;
  if (runs.length === 0) return `There are no ${what}.`;
  const [newest] = runs;
  const failed = runs.find((run) => statusOf(run.status) === 'failed');
  const lines = [
    `${count} ${what}; the newest here is ${newest.runId} of ${newest.jobName}: ${statusOf(newest.status)}.`,
  ];
  if (failed) {
    const steps = failedStepsOf(failed);
    lines.push(
      `The newest failed one is ${failed.runId} of ${failed.jobName}${steps.length > 0 ? `, at ${steps.join(', ')}` : ''}, ended ${at(failed.endTime) ?? 'at an unknown time'}.`,
    );
  }
  return lines.join('\n');
}
