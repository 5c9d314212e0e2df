import { type Next, cursorOf, more, offsetOf, pageOf, paged, tool } from '@stack/mcp';
import { z } from 'zod';
import { UNIT, STATUSES, UNDER_WAY, type Job, Airbyte } from './airbyte';
import { connectionId, jobId, syncShape, syncOf, stackLog, showOf, plural } from './sync';

export const syncsList = tool({
  name: 'syncs_list',
  title: 'Syncs of Airbyte',
  description:
    'Syncs of the ingestion service, newest first: status, rows, bytes, duration, rows kept aside, the reason of a failure. Take it when the step sync_airbyte warned, or loaded tables in raw_airbyte are old. The log of one is in sync_show.',
  input: z.object({
    connectionId: connectionId.optional(),
    status: z.enum(STATUSES).optional(),
    ...paged,
  }),
  output: z.object({ syncs: z.array(z.object(syncShape)), nextCursor: more.nextCursor }),
  run: async ({ connectionId: of, status, limit, cursor }, context) => {
    const offset = offsetOf(cursor);
    const airbyte = await Airbyte.open(context);
    const filter = new URLSearchParams({ ...(of && { connectionId: of }), ...(status && { status }) });
    const { entries, hasMore } = await airbyte.list<Job>(`jobs?${filter}`, limit, offset);
    if (of && entries.length === 0) await airbyte.connection(of);
    const failed = entries.find((job) => job.status === 'failed');
    const [newest] = entries;
    const nextCursor = hasMore ? cursorOf(offset + entries.length) : undefined;
    const what = `${status ? `${status} ` : ''}sync${entries.length === 1 ? '' : 's'}`;
    return {
      text: newest
        ? `${entries.length} ${what} here${hasMore ? ', and there are more' : ''}; the newest is ${newest.jobId}: ${newest.status}.${failed ? ` The newest failed one is ${failed.jobId}.` : ''}`
        : `There are no ${what}${offset > 0 ? ' any more' : ''}.`,
      data: { syncs: entries.map((job) => syncOf(job, 500)), ...(nextCursor && { nextCursor }) },
      next: [
        ...(failed ? [showOf(failed.jobId, 'why it failed, and its log')] : []),
        ...(newest && newest !== failed ? [showOf(newest.jobId, 'the newest, with its log')] : []),
        ...(nextCursor
          ? [
              {
                tool: 'syncs_list',
                arguments: { connectionId: of, status, limit, cursor: nextCursor },
                why: 'older ones',
              },
            ]
          : []),
        ...(newest ? [] : [{ tool: 'syncs_list', arguments: {}, why: 'all syncs' }, stackLog]),
      ],
    };
  },
});

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

const logLine = z.object({
  at: z.string().optional(),
  level: z.enum(LEVELS).optional(),
  message: z.string(),
  truncated: z.literal(true).optional().describe('shortened: ask with a larger maxChars'),
});

/** Lines of a sync's log; one without a time belongs to the one before it. */
function linesOf(log: string): { at?: string; level?: (typeof LEVELS)[number]; message: string }[] {
  const lines: { at?: string; level?: (typeof LEVELS)[number]; message: string }[] = [];
  for (const line of log.split('\n').filter(Boolean)) {
    const [, at, name = '', message = ''] = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) ([A-Z]+) (.*)$/.exec(line) ?? [];
    const last = lines.at(-1);
    if (at)
      lines.push({ at, level: LEVELS.find((level) => level === name.toLowerCase()) ?? 'info', message });
    else if (last) last.message += `\n${line}`;
    else lines.push({ message: line });
  }
  return lines;
}

export const syncShow = tool({
  name: 'sync_show',
  title: 'One sync',
  description:
    'One sync of the ingestion service whole: how it ended, why it failed, attempts, and lines of its log, the newest first. Secrets of the source are hidden in it.',
  input: z.object({
    jobId,
    level: z.enum(LEVELS).optional().describe('only lines of this level and those above'),
    search: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe('only lines with this text, in upper or lower case'),
    order: z.enum(['newest', 'oldest']).default('newest').describe('which lines come first'),
    maxChars: z.number().int().min(80).max(10_000).default(1_000).describe('longer lines are shortened'),
    ...paged,
  }),
  output: z.object({ ...syncShape, lines: z.array(logLine), ...more }),
  run: async (input, context) => {
    const airbyte = await Airbyte.open(context);
    const job = await airbyte.job(input.jobId);
    const lowest = input.level ? LEVELS.indexOf(input.level) : 0;
    const found = linesOf(await airbyte.text(`jobs/${job.jobId}/logs`))
      .filter(({ level }) => LEVELS.indexOf(level ?? 'info') >= lowest)
      .filter(({ message }) => !input.search || message.toLowerCase().includes(input.search.toLowerCase()));
    const page = pageOf(input.order === 'newest' ? found.reverse() : found, input);
    const sync = syncOf(job, 4_000);
    const failed = sync.status === 'failed';
    return {
      text: `The sync ${sync.jobId} is ${sync.status} after ${sync.seconds} s and ${plural(sync.attempts, 'attempt')}: ${sync.rows} rows, ${sync.quarantined} kept aside.${failed ? ' data.failure has the reason.' : ''}\n${plural(page.total, 'line')} of its log, ${page.entries.length} of them here.`,
      data: {
        ...sync,
        lines: page.entries.map(({ message, ...line }) => ({
          ...line,
          message:
            message.length > input.maxChars
              ? `${message.slice(0, input.maxChars)}… (+${message.length - input.maxChars} characters)`
              : message,
          ...(message.length > input.maxChars && { truncated: true as const }),
        })),
        total: page.total,
        ...(page.nextCursor && { nextCursor: page.nextCursor }),
      },
      next: [
        ...(UNDER_WAY.includes(sync.status)
          ? [showOf(sync.jobId, 'how far it is'), cancelOf(sync.jobId)]
          : []),
        ...(failed
          ? [
              { tool: 'sources_list', arguments: {}, why: 'whether its source can be asked at all' },
              { ...stackLog, arguments: { unit: UNIT, search: `job ${sync.jobId}` } },
            ]
          : []),
        ...(sync.quarantined > 0
          ? [
              {
                tool: 'quality_failing_rows',
                arguments: { kind: 'airbyte' },
                why: 'the rows that were kept aside',
              },
            ]
          : []),
        ...(page.nextCursor
          ? [{ tool: 'sync_show', arguments: { ...input, cursor: page.nextCursor }, why: 'more of its log' }]
          : []),
        {
          tool: 'syncs_list',
          arguments: { connectionId: sync.connectionId },
          why: 'the others of its connection',
        },
      ],
    };
  },
});

export const cancelOf = (job: number): Next => ({
  tool: 'sync_cancel',
  arguments: { jobId: job },
  why: 'ends it',
});
