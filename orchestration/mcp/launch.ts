/** Starting runs. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Next, type ToolContext, ToolError, tool, wait } from '@stack/mcp';
import { z } from 'zod';
import { allAssets, unknownAsset } from './assets';
import { type Maybe, REPOSITORY, assetKey, dagsterError, graph, keyOf, pathOf, shortened } from './dagster';
import { follow } from './follow';
import {
  BY_ASSISTANT,
  type Run,
  STATUSES,
  dagstersStatuses,
  failedStepsOf,
  findRun,
  isOver,
  jobName,
  jobs,
  show,
  statusOf,
  tagOf,
  unknownJob,
} from './runs';

const LAUNCH = `mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on PipelineNotFoundError { message }
    ... on InvalidSubsetError { message }
  }
}`;

const RELOAD = `mutation Reload($name: String!) {
  reloadRepositoryLocation(repositoryLocationName: $name) { __typename ... on PythonError { message } }
}`;

const MORE_KEYS = `query More($keys: [AssetKeyInput!]!) { assetNodeAdditionalRequiredKeys(assetKeys: $keys) { path } }`;

type Launched = Maybe & { readonly run?: { runId: string }; readonly errors?: { message: string }[] };

/** The job that Dagster has for any selection of assets. */
const ANY = '__ASSET_JOB';
const PIPELINE = 'pipeline';
const DAYS_JOB = 'flight_days';
const DAYS_ASSET = 'raw/flights_by_day';
const SNAPSHOT = 'published_snapshot';

/** Jobs that dbt builds in, which may be told to do so though nothing is new. */
const BUILDING = [PIPELINE, 'github', DAYS_JOB];

const DAY = '\\d{4}-\\d{2}-\\d{2}';

const input = z.object({
  job: jobName
    .optional()
    .describe(
      'pipeline (the default): every source, all models, checks, publish; inbox: new files only; github: new releases only; flight_days: some days again; sinks: the newest snapshot to PostgreSQL and the catalogue',
    ),
  keys: z
    .array(assetKey)
    .min(1)
    .max(50)
    .optional()
    .describe(
      'instead of a job: only these assets. Readers see them only if "published_snapshot" is among them',
    ),
  days: z
    .string()
    .max(22)
    .regex(new RegExp(`^${DAY}(\\.\\.${DAY})?$`))
    .optional()
    .describe('of the job flight_days: "2013-06-01" or "2013-06-01..2013-06-30"'),
  force: z.boolean().default(false).describe('load, build and publish also when nothing is new'),
  wait,
});
type Input = z.output<typeof input>;

const output = z.object({
  runId: z.string(),
  started: z.boolean().describe('false: the same was under way already, and this is its run'),
  job: z.string(),
  keys: z.array(z.string()).optional(),
  added: z.array(z.string()).optional().describe('assets that are made in the same step as those asked for'),
  publishes: z
    .boolean()
    .describe('whether readers will have a new snapshot if all goes well and something is new'),
  status: z.enum(STATUSES),
  failedSteps: z.array(z.string()),
  nothingNew: z.boolean(),
  snapshot: z.string().optional(),
  served: z
    .boolean()
    .optional()
    .describe('duckdb-http serves the snapshot by now; other readers follow within seconds'),
});

export const assetsMaterialise = tool({
  name: 'assets_materialise',
  title: 'Run the pipeline',
  description:
    'Starts a run in Dagster: the whole pipeline (without arguments), another job, or some assets. With `wait` it tells of each step and returns how the run ended; a run goes on when nobody waits any more. ' +
    'The same that is under way already is not started twice.',
  input,
  output,
  changes: {
    destructive: false,
    idempotent: true,
    question: (asked) => `Start ${whatOf(asked)}?`,
  },
  run: async (asked, context) => {
    const plan = await planOf(asked, context);
    const same = asked.force || asked.days ? undefined : await underWay(context, plan);
    const id = same ?? (await launch(context, asked, plan));
    const { run, served } =
      asked.wait > 0 ? await follow(context, id, asked.wait) : { run: await findRun(context, id) };
    const status = statusOf(run.status);
    const snapshot = tagOf(run, 'stack/snapshot');
    const data = {
      runId: id,
      started: !same,
      job: plan.job,
      ...(plan.keys && { keys: plan.keys }),
      ...(plan.added.length > 0 && { added: plan.added }),
      publishes: plan.publishes,
      status,
      failedSteps: failedStepsOf(run),
      nothingNew: tagOf(run, 'stack/outcome') === 'nothing new',
      ...(snapshot && { snapshot }),
      ...(served !== undefined && { served }),
    };
    return { text: textOf(data), data, next: nextOf(data) };
  },
});

function whatOf({
  job = PIPELINE,
  keys,
  days,
  force,
}: Pick<Input, 'job' | 'keys' | 'days' | 'force'>): string {
  const forced = force ? ', also if nothing is new' : '';
  if (keys) return `a run that makes ${keys.join(', ')}`;
  return `the job ${days ? DAYS_JOB : job}${days ? ` for the days ${days}` : ''}${forced}`;
}

interface Plan {
  readonly job: string;
  readonly keys?: string[];
  readonly added: string[];
  readonly publishes: boolean;
}

/** @throws ToolError for what can't be started */
async function planOf({ job, keys, days, force }: Input, context: ToolContext): Promise<Plan> {
  if (keys && (job ?? days))
    throw new ToolError('bad_choice', 'keys go with no job and no days', 'leave two of them out');
  if (!keys) {
    const name = job ?? (days ? DAYS_JOB : PIPELINE);
    const known = (await jobs(context)).filter((one) => !one.startsWith('__'));
    if (!known.includes(name)) throw unknownJob(name, known);
    if ((name === DAYS_JOB) !== (days !== undefined))
      throw new ToolError(
        'bad_choice',
        `${DAYS_JOB} needs days, and no other job takes them`,
        'say which: days "2013-06-01" or "2013-06-01..2013-06-30"',
      );
    if (force && !BUILDING.includes(name))
      throw new ToolError(
        'bad_choice',
        `${name} takes no force`,
        `leave it out, or take one of ${BUILDING.join(', ')}`,
      );
    return { job: name, added: [], publishes: name !== 'sinks' };
  }
  const known = (await allAssets(context)).map((asset) => keyOf(asset.assetKey));
  const missing = keys.find((key) => !known.includes(key));
  if (missing) throw unknownAsset(missing, known);
  if (keys.includes(DAYS_ASSET))
    throw new ToolError(
      'needs_days',
      `${DAYS_ASSET} is made day by day`,
      'give the days instead of keys: days "2013-06-01"',
    );
  const { assetNodeAdditionalRequiredKeys: more } = await graph<{
    assetNodeAdditionalRequiredKeys: { path: string[] }[];
  }>(context, MORE_KEYS, { keys: keys.map(pathOf) });
  const added = more.map(keyOf).filter((key) => !keys.includes(key));
  return { job: ANY, keys: [...new Set(keys)], added, publishes: keys.includes(SNAPSHOT) };
}

/** The id of an unended run of the same job, or of the same assets. */
async function underWay(context: ToolContext, { job, keys, added }: Plan): Promise<string | undefined> {
  const query = `query UnderWay($filter: RunsFilter!) {
    runsOrError(filter: $filter, limit: 20) { ... on Runs { results { runId tags { key value } assetSelection { path } } } }
  }`;
  const { runsOrError } = await graph<{
    runsOrError: {
      results?: { runId: string; tags: Run['tags']; assetSelection?: { path: string[] }[] | null }[];
    };
  }>(context, query, { filter: { pipelineName: job, statuses: dagstersStatuses('queued', 'running') } });
  const wanted = keys && [...keys, ...added].sort().join();
  return (runsOrError.results ?? []).find(
    ({ assetSelection }) => !wanted || (assetSelection ?? []).map(keyOf).sort().join() === wanted,
  )?.runId;
}

/** How often Dagster is asked again while its code server is away, and milliseconds in between. */
const [TRIES, PAUSE] = [6, 1_000];

async function launch(context: ToolContext, asked: Input, plan: Plan): Promise<string> {
  const selection = plan.keys && [...plan.keys, ...plan.added].map(pathOf);
  const params = {
    selector: { ...REPOSITORY, jobName: plan.job, ...(selection && { assetSelection: selection }) },
    runConfigData: { ops: configOf(asked, plan) },
    mode: 'default',
    executionMetadata: { tags: [BY_ASSISTANT] },
  };
  for (let attempt = 1; ; attempt++) {
    const { launchRun: launched } = await graph<{ launchRun: Launched }>(context, LAUNCH, { params });
    if (launched.run) return launched.run.runId;
    const isAway = /Unreachable|UNAVAILABLE/.test(launched.message ?? '');
    if (!isAway && launched.__typename !== 'PipelineNotFoundError') throw refused(launched);
    if (attempt === TRIES) throw refused(launched);
    // the webserver may have looked while the code server was starting
    await graph(context, RELOAD, { name: REPOSITORY.repositoryLocationName });
    await pause(PAUSE, undefined, { signal: context.signal });
  }
}

function refused(launched: Launched): ToolError {
  const said = launched.errors?.map(({ message }) => message).join('; ') ?? launched.message;
  if (!said) return dagsterError(launched.__typename);
  return new ToolError(
    'run_refused',
    `Dagster doesn't start it: ${shortened(said.trim().split('\n')[0], 300).text}`,
    'read the code server’s log: stack_logs with unit "orchestration"',
  );
}

/** Config of the steps, which those that aren't in the run mustn't have. */
export function configOf({ force, days }: Pick<Input, 'force' | 'days'>, { job }: Pick<Plan, 'job'>): object {
  if (job === DAYS_JOB && days) {
    const [first, last = first] = days.split('..');
    return { load_flight_days: { config: { first, last } }, dbt_build: { config: { force } } };
  }
  if (!force) return {};
  const build = { dbt_build: { config: { force } } };
  return job === PIPELINE ? { load_flights: { config: { force } }, ...build } : build;
}

function textOf(run: z.output<typeof output>): string {
  const lines = [
    `${run.started ? 'Started' : 'It is under way already:'} the run ${run.runId}${run.keys ? '' : ` of ${run.job}`}; it is ${run.status}${run.failedSteps.length > 0 ? ` at ${run.failedSteps.join(', ')}` : ''}.`,
  ];
  if (run.added) lines.push(`Made in the same step, so made too: ${run.added.join(', ')}.`);
  if (run.snapshot)
    lines.push(
      `It published the snapshot ${run.snapshot}${run.served === false ? ', which duckdb-http does not serve yet' : ''}.`,
    );
  else if (run.nothingNew) lines.push('Nothing was new since the last publish, so it published nothing.');
  else if (!run.publishes)
    lines.push(`Readers will not see it: it publishes no snapshot (${SNAPSHOT} is not among its assets).`);
  return lines.join('\n');
}

function nextOf(run: z.output<typeof output>): Next[] {
  const why = isOver(run.status) ? 'what its steps found' : 'how far it is, and how it ends';
  const next: Next[] = [show(run.runId, why)];
  if (!isOver(run.status)) next.push({ tool: 'run_cancel', arguments: { runId: run.runId }, why: 'ends it' });
  if (run.snapshot)
    next.push({ tool: 'quality_results', arguments: {}, why: 'what the checks of the data found' });
  return next;
}
