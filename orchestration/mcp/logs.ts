/** What a run logged: Dagster's events, and what its process printed. */
import { stripVTControlCharacters } from 'node:util';
import { type Next, type ToolContext, ToolError, more, pageOf, paged, tool, nearest } from '@stack/mcp';
import { z } from 'zod';
import { atMs, graph, shortened } from './dagster';
import { type RunEvent, eventsOf, reasonOf } from './events';
import { failedStepsOf, findRun, runId } from './runs';

const LEVELS = ['debug', 'info', 'warning', 'error'] as const;
type Level = (typeof LEVELS)[number];

const levelOf = (dagsters: string): Level =>
  dagsters === 'CRITICAL' ? 'error' : (LEVELS.find((level) => level.toUpperCase() === dagsters) ?? 'info');

/** Bytes of one answer, and how many answers are read of one file. */
const [PIECE, PIECES] = [2 ** 20, 8];

const line = z.object({
  at: z.string().optional(),
  level: z.enum(LEVELS).optional(),
  step: z.string().optional(),
  event: z.string().optional().describe('kind of event of Dagster; left out for what a step logged itself'),
  message: z.string(),
  truncated: z.literal(true).optional().describe('shortened: ask with a larger maxChars'),
});
type Line = z.output<typeof line>;

const input = z.object({
  runId,
  step: z
    .string()
    .max(100)
    .regex(/^\w+$/)
    .optional()
    .describe('only this step, as run_show names it: "dbt_build"'),
  stream: z
    .enum(['events', 'stdout', 'stderr'])
    .default('events')
    .describe(
      'events: what Dagster and the steps logged; stdout, stderr: what the process of the run printed (dbt prints to stdout). One process runs several steps, so these have the lines of all of them',
    ),
  level: z.enum(LEVELS).optional().describe('events: only this level and those above; without it "info"'),
  search: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe(
      'only lines with this text, in upper or lower case; "|" separates texts of which one will do: "error|fail"',
    ),
  from: z.iso.datetime({ offset: true }).optional().describe('events: not before, ISO 8601'),
  to: z.iso.datetime({ offset: true }).optional().describe('events: not after, ISO 8601'),
  order: z.enum(['oldest', 'newest']).default('oldest').describe('which lines come first'),
  maxChars: z
    .number()
    .int()
    .min(80)
    .max(10_000)
    .default(1_000)
    .describe('longer lines are shortened with a mark'),
  ...paged,
});
type Input = z.output<typeof input>;

export const runLogs = tool({
  name: 'run_logs',
  title: 'Log of a run',
  description:
    'Lines that one run logged: Dagster’s events with errors and warnings of the steps, or what its process printed to stdout (dbt) and stderr. ' +
    'Take it for the wording of an error once run_show has named the step. Logs of services that are no runs: stack_logs.',
  input,
  output: z.object({
    runId: z.string(),
    stream: z.enum(['events', 'stdout', 'stderr']),
    steps: z.array(z.string()).optional().describe('stdout, stderr: the steps that this process ran'),
    complete: z
      .literal(false)
      .optional()
      .describe(
        `stdout, stderr: it is longer than ${(PIECE * PIECES) / 2 ** 20} MiB, and its end was not read; Dagster’s page of the run has it`,
      ),
    lines: z.array(line),
    ...more,
  }),
  run: async (asked, context) => {
    const run = await findRun(context, asked.runId);
    const events = await eventsOf(context, run.runId);
    checkStep(asked.step, [...events.map((event) => event.stepKey), ...run.stepStats.map((s) => s.stepKey)]);
    const found =
      asked.stream === 'events'
        ? fromEvents(events, asked)
        : await captured(context, run.runId, events, asked);
    const page = pageOf(asked.order === 'newest' ? found.lines.toReversed() : found.lines, asked);
    const again = { ...asked, cursor: undefined };
    const next: Next[] = [];
    if (page.nextCursor)
      next.push({
        tool: 'run_logs',
        arguments: { ...again, cursor: page.nextCursor },
        why: 'the lines that follow',
      });
    next.push(...others(asked, page.total, failedStepsOf(run)));
    return {
      text: `${page.total} line${page.total === 1 ? '' : 's'} of the ${asked.stream} of the run ${run.runId}${asked.step ? `, step ${asked.step}` : ''}; ${page.entries.length} of them here.`,
      data: {
        runId: run.runId,
        stream: asked.stream,
        ...(found.steps && { steps: found.steps }),
        ...(found.complete === false && { complete: found.complete }),
        lines: [...page.entries],
        total: page.total,
        ...(page.nextCursor && { nextCursor: page.nextCursor }),
      },
      next,
    };
  },
});

interface Found {
  readonly lines: readonly Line[];
  readonly steps?: string[];
  readonly complete?: false;
}

/** @throws ToolError when the run has no such step */
function checkStep(step: string | undefined, keys: readonly (string | null | undefined)[]): void {
  const known = [...new Set(keys.filter((key): key is string => Boolean(key)))];
  if (!step || known.includes(step)) return;
  throw new ToolError(
    'unknown_step',
    `the run has no step ${step}`,
    known.length > 0
      ? `its steps are ${[...nearest(step, known), ...known].filter((one, i, all) => all.indexOf(one) === i).join(', ')}`
      : 'it has not begun any: call run_show',
  );
}

export function fromEvents(
  events: readonly RunEvent[],
  {
    step,
    level = 'info',
    search,
    from,
    to,
    maxChars,
  }: Omit<Input, 'limit' | 'cursor' | 'stream' | 'runId' | 'order'>,
): Found {
  const lowest = LEVELS.indexOf(level);
  const [first, last] = [from, to].map((time) => (time === undefined ? undefined : Date.parse(time)));
  const lines = events
    .filter((event) => !step || event.stepKey === step)
    .filter((event) => LEVELS.indexOf(levelOf(event.level)) >= lowest)
    .filter(
      ({ timestamp }) => Number(timestamp) >= (first ?? -Infinity) && Number(timestamp) <= (last ?? Infinity),
    )
    .map((event) => ({ event, words: wordsOf(event) }))
    .filter(({ words }) => contains(words, search));
  return {
    lines: lines.map(({ event, words }) => {
      const { text, truncated } = shortened(words, maxChars);
      return {
        at: atMs(event.timestamp),
        level: levelOf(event.level),
        ...(event.stepKey && { step: event.stepKey }),
        ...(event.eventType && { event: event.eventType.toLowerCase() }),
        message: text,
        ...(truncated && { truncated }),
      };
    }),
  };
}

/** An event's message; behind it the error that it tells of. */
const wordsOf = ({ message, error }: RunEvent): string =>
  error ? `${message}\n${reasonOf(error).text}` : message;

const contains = (words: string, search?: string): boolean =>
  !search ||
  search
    .toLowerCase()
    .split('|')
    .some((one) => one !== '' && words.toLowerCase().includes(one));

const CAPTURED = `query Captured($key: [String!]!, $cursor: String, $limit: Int) {
  capturedLogs(logKey: $key, cursor: $cursor, limit: $limit) { stdout stderr cursor }
}`;

/** @throws ToolError for what only events can be asked */
async function captured(
  context: ToolContext,
  id: string,
  events: readonly RunEvent[],
  { stream, step, level, search, from, to, maxChars }: Input,
): Promise<Found> {
  if (level ?? from ?? to)
    throw new ToolError(
      'not_of_events',
      `lines of ${stream} have no level and no time`,
      'leave level, from and to out, or ask for stream "events"',
    );
  const files = events.filter(
    (event) => event.fileKey && (!step || !event.stepKeys || event.stepKeys.includes(step)),
  );
  const steps = new Set(files.flatMap((event) => event.stepKeys ?? []));
  const lines: Line[] = [];
  let complete = true;
  for (const { fileKey } of files) {
    const whole = await read(
      context,
      [id, 'compute_logs', fileKey ?? ''],
      stream === 'stdout' ? 'stdout' : 'stderr',
    );
    complete &&= whole.complete;
    lines.push(...linesOf(whole.text, search, maxChars));
  }
  return { lines, steps: [...steps], ...(!complete && { complete }) };
}

/** Lines of what a program printed, without what moves a terminal's cursor or colours it. */
export function linesOf(text: string, search: string | undefined, maxChars: number): Line[] {
  return stripVTControlCharacters(text)
    .split(/\r?\n/)
    .filter((words) => words.trim() !== '' && contains(words, search))
    .map((words) => {
      const { text: message, truncated } = shortened(words, maxChars);
      return { message, ...(truncated && { truncated }) };
    });
}

async function read(
  context: ToolContext,
  key: readonly string[],
  stream: 'stdout' | 'stderr',
): Promise<{ text: string; complete: boolean }> {
  let text = '';
  let cursor: string | undefined;
  for (let piece = 0; piece < PIECES; piece++) {
    const { capturedLogs: got } = await graph<{
      capturedLogs: { stdout?: string | null; stderr?: string | null; cursor?: string | null };
    }>(context, CAPTURED, { key, cursor, limit: PIECE });
    text += got[stream] ?? '';
    if (!got.cursor || got.cursor === cursor || (got[stream] ?? '').length === 0)
      return { text, complete: true };
    cursor = got.cursor;
  }
  return { text, complete: false };
}

function others(
  { runId: id, stream, step, level, search, from, to }: Input,
  total: number,
  failed: string[],
): Next[] {
  const next: Next[] = [];
  const narrow = level ?? search ?? from ?? to;
  if (total === 0 && (narrow ?? step))
    next.push({ tool: 'run_logs', arguments: { runId: id, stream }, why: 'all that it logged' });
  if (total === 0 && stream === 'events' && level !== 'debug')
    next.push({
      tool: 'run_logs',
      arguments: { runId: id, ...(step && { step }), level: 'debug' },
      why: 'also each step’s beginning, end and output',
    });
  if (stream === 'events' && (step ?? failed[0]) === 'dbt_build')
    next.push({
      tool: 'run_logs',
      arguments: { runId: id, step: 'dbt_build', stream: 'stdout', search: 'error|fail' },
      why: 'what dbt printed of errors and failed tests',
    });
  if (stream === 'events' && total > 0 && step)
    next.push({
      tool: 'run_logs',
      arguments: { runId: id, step, stream: 'stderr', order: 'newest' },
      why: 'what its process printed',
    });
  next.push({ tool: 'run_show', arguments: { runId: id }, why: 'its steps and the reasons of its failure' });
  return next;
}
