/** What starts runs by itself: schedules and sensors, and how their last looks ended. */
import { type Next, pageOf, paged, more, tool } from '@stack/mcp';
import { z } from 'zod';
import { type Maybe, REPOSITORY, at, dagsterError, graph, shortened } from './dagster';
import { show } from './runs';

interface Tick {
  readonly status: string;
  readonly timestamp: number;
  readonly runIds: readonly string[];
  readonly skipReason?: string | null;
  readonly error?: { readonly message: string } | null;
}

interface State {
  readonly status: string;
  readonly ticks: readonly Tick[];
  readonly acted: readonly Tick[];
  readonly nextTick?: { readonly timestamp: number } | null;
}

interface Schedule {
  readonly name: string;
  readonly description?: string | null;
  readonly cronSchedule: string;
  readonly executionTimezone?: string | null;
  readonly pipelineName: string;
  readonly scheduleState: State;
}

interface Sensor {
  readonly name: string;
  readonly description?: string | null;
  readonly minIntervalSeconds: number;
  readonly targets?: readonly { readonly pipelineName: string }[] | null;
  readonly sensorState: State;
}

/** Looks of each that are told, and those that started something or failed. */
const LAST = 3;

const STATE = `status
  ticks(limit: ${LAST}) { status timestamp runIds skipReason error { message } }
  acted: ticks(limit: ${LAST}, statuses: [SUCCESS, FAILURE]) { status timestamp runIds skipReason error { message } }
  nextTick { timestamp }`;

const ALL = `query Automation($selector: RepositorySelector!) {
  schedulesOrError(repositorySelector: $selector) {
    __typename
    ... on PythonError { message }
    ... on Schedules { results { name description cronSchedule executionTimezone pipelineName scheduleState { ${STATE} } } }
  }
  sensorsOrError(repositorySelector: $selector) {
    __typename
    ... on PythonError { message }
    ... on Sensors { results { name description minIntervalSeconds targets { pipelineName } sensorState { ${STATE} } } }
  }
}`;

const tick = z.object({
  at: z.string(),
  outcome: z.enum(['started', 'skipped', 'success', 'failed']),
  runIds: z.array(z.string()).describe('runs that it started'),
  reason: z.string().optional().describe('why it started nothing, in its words'),
  error: z.string().optional(),
});

const OUTCOMES = { STARTED: 'started', SKIPPED: 'skipped', SUCCESS: 'success', FAILURE: 'failed' } as const;

function tickOf({ status, timestamp, runIds, skipReason, error }: Tick): z.output<typeof tick> {
  return {
    at: at(timestamp) ?? '',
    outcome: OUTCOMES[status as keyof typeof OUTCOMES] ?? 'started',
    runIds: [...runIds],
    ...(skipReason && { reason: shortened(skipReason, 1_000).text }),
    ...(error && { error: shortened(error.message, 2_000).text }),
  };
}

const entry = z.object({
  name: z.string(),
  kind: z.enum(['schedule', 'sensor']),
  running: z.boolean().describe('false: it was switched off'),
  jobs: z.array(z.string()),
  description: z.string().optional(),
  cron: z.string().optional(),
  timezone: z.string().optional(),
  everySeconds: z.number().optional().describe('a sensor looks not more often than this'),
  nextAt: z.string().optional(),
  lastTicks: z.array(tick).describe(`the newest looks, at most ${LAST}`),
  lastActs: z.array(tick).describe(`the newest that started a run or failed, at most ${LAST}`),
});

type Entry = z.output<typeof entry>;

const common = (name: string, description: string | null | undefined, state: State) => ({
  name,
  running: state.status === 'RUNNING',
  ...(description && { description }),
  ...(state.nextTick && { nextAt: at(state.nextTick.timestamp) }),
  lastTicks: state.ticks.map(tickOf),
  lastActs: state.acted.map(tickOf),
});

export const schedulesList = tool({
  name: 'schedules_list',
  title: 'Schedules and sensors',
  description:
    'What starts runs by itself: the daily schedule, sensors for new files, releases, snapshots and failures. Whether each is on, when it looks next, its last looks with why they started nothing, and their errors. ' +
    'Take it when a run that should have started did not.',
  input: z.object({ kind: z.enum(['schedule', 'sensor']).optional(), ...paged }),
  output: z.object({ entries: z.array(entry), ...more }),
  run: async (input, context) => {
    const { schedulesOrError: schedules, sensorsOrError: sensors } = await graph<{
      schedulesOrError: Maybe & { results?: Schedule[] };
      sensorsOrError: Maybe & { results?: Sensor[] };
    }>(context, ALL, { selector: REPOSITORY });
    if (!schedules.results || !sensors.results)
      throw dagsterError(schedules.message ?? sensors.message ?? schedules.__typename);
    const all: Entry[] = [
      ...schedules.results.map((one) => ({
        ...common(one.name, one.description, one.scheduleState),
        kind: 'schedule' as const,
        jobs: [one.pipelineName],
        cron: one.cronSchedule,
        ...(one.executionTimezone && { timezone: one.executionTimezone }),
      })),
      ...sensors.results.map((one) => ({
        ...common(one.name, one.description, one.sensorState),
        kind: 'sensor' as const,
        jobs: (one.targets ?? []).map(({ pipelineName }) => pipelineName),
        everySeconds: one.minIntervalSeconds,
      })),
    ];
    const found = all.filter(({ kind }) => !input.kind || kind === input.kind);
    const page = pageOf(found, input);
    return {
      text: textOf(found),
      data: {
        entries: [...page.entries],
        total: page.total,
        ...(page.nextCursor && { nextCursor: page.nextCursor }),
      },
      next: [
        ...nextOf(found),
        ...(page.nextCursor
          ? [{ tool: 'schedules_list', arguments: { ...input, cursor: page.nextCursor }, why: 'the others' }]
          : []),
      ],
    };
  },
});

const failing = (entries: readonly Entry[]): Entry[] =>
  entries.filter(({ lastTicks }) => lastTicks[0]?.outcome === 'failed');

function textOf(entries: readonly Entry[]): string {
  const off = entries.filter(({ running }) => !running).map(({ name }) => name);
  const broken = failing(entries).map(({ name }) => name);
  const daily = entries.find(({ kind }) => kind === 'schedule');
  return [
    `${entries.length} schedules and sensors; ${off.length > 0 ? `off: ${off.join(', ')}` : 'all are on'}; ${broken.length > 0 ? `their last look failed: ${broken.join(', ')}` : 'no last look failed'}.`,
    ...(daily?.nextAt ? [`${daily.name} starts ${daily.jobs.join(', ')} next at ${daily.nextAt}.`] : []),
  ].join('\n');
}

function nextOf(entries: readonly Entry[]): Next[] {
  const next: Next[] = [];
  if (failing(entries).length > 0)
    next.push({
      tool: 'stack_logs',
      arguments: { unit: 'orchestration', search: 'error' },
      why: 'what Dagster’s daemon says of it',
    });
  const newest = entries
    .flatMap(({ lastActs }) => lastActs)
    .filter(({ runIds }) => runIds.length > 0)
    .sort((a, b) => b.at.localeCompare(a.at))[0];
  if (newest) next.push(show(newest.runIds[0], 'the run that was started last by itself'));
  next.push({ tool: 'runs_list', arguments: { status: 'queued' }, why: 'whether runs wait' });
  return next;
}
