import {
  type Seen,
  type ToolContext,
  ToolError,
  type UnitView,
  defineAdapter,
  more,
  pageOf,
  paged,
  tool,
} from '@stack/mcp';
import { z } from 'zod';
import { logLines } from './src/stack/logs';
import { restart } from './src/stack/restart';

const unitName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, 'a unit’s name has lower-case letters, digits and dashes');

const unit = z.object({
  name: z.string(),
  kind: z.enum(['service', 'module', 'job']),
  layer: z.string(),
  summary: z.string(),
  url: z.string().optional(),
  health: z.enum(['healthy', 'unhealthy', 'down', 'done', 'unknown']),
  reason: z.string().optional().describe('why it is not healthy'),
  since: z.string().optional().describe('since when it has this health, as far as this server has seen it'),
  deployedAt: z.string(),
  dependsOn: z.array(z.string()),
  restarts: z.number().int().optional(),
  memoryBytes: z.number().optional(),
});

const isSick = ({ health }: UnitView): boolean => health === 'unhealthy' || health === 'down';

const logsOf = (name: string) => ({
  tool: 'stack_logs',
  arguments: { unit: name },
  why: `what ${name} wrote last`,
});

/** @throws ToolError when there is none of that name */
async function find(name: string, context: ToolContext): Promise<UnitView> {
  const units = await context.stack.units();
  const found = units.find((one) => one.name === name);
  if (found) return found;
  throw new ToolError(
    'unknown_unit',
    `the stack ${context.stack.name} has no unit called ${name}`,
    `choose one of ${units
      .map((one) => one.name)
      .sort()
      .join(', ')}`,
  );
}

export const adapter = defineAdapter({
  tools: [
    tool({
      name: 'stack_status',
      title: 'Status of the stack',
      description:
        'Health, address, memory and restarts of every unit of the stack, the sick ones first. Begin here when something does not work and you do not know what.',
      input: z.object({
        health: z
          .enum(['healthy', 'sick'])
          .optional()
          .describe('only those that are well, or only those that are not'),
        ...paged,
      }),
      output: z.object({ stack: z.string(), units: z.array(unit), ...more }),
      run: async ({ health, ...page }, context) => {
        const all = [...(await context.stack.units())].sort(
          (a, b) => Number(isSick(b)) - Number(isSick(a)) || a.name.localeCompare(b.name),
        );
        const sick = all.filter(isSick);
        const wanted = health ? all.filter((one) => isSick(one) === (health === 'sick')) : all;
        const { entries, ...rest } = pageOf(wanted, page);
        return {
          text:
            sick.length === 0
              ? `All ${all.length} units are well.`
              : `${sick.length} of ${all.length} units are not well: ${sick.map(({ name, health: how }) => `${name} (${how})`).join(', ')}.`,
          data: { stack: context.stack.name, units: [...entries] as z.infer<typeof unit>[], ...rest },
          next:
            sick.length > 0
              ? sick.slice(0, 5).map(({ name }) => logsOf(name))
              : [
                  {
                    tool: 'runs_list',
                    arguments: { status: 'failed' },
                    why: 'whether the pipeline has failed',
                  },
                ],
        };
      },
    }),
    tool({
      name: 'stack_unit',
      title: 'One unit',
      description:
        'Health of one unit, what it depends on with the health of each, and what depends on it: where a fault comes from, and what it takes with it.',
      input: z.object({ unit: unitName.describe('its name, as stack_status has it') }),
      output: z.object({ unit, needs: z.array(unit), neededBy: z.array(z.string()) }),
      run: async ({ unit: name }, context) => {
        const found = await find(name, context);
        const units = await context.stack.units();
        const needs = units.filter((one) => found.dependsOn.includes(one.name));
        const neededBy = units.filter(({ dependsOn }) => dependsOn.includes(name)).map((one) => one.name);
        const sick = needs.filter(isSick);
        return {
          text: `${name} is ${found.health} since ${found.since}. ${
            sick.length > 0
              ? `It needs ${sick.map((one) => `${one.name} (${one.health})`).join(', ')}.`
              : 'All that it needs is well.'
          }`,
          data: { unit: found as z.infer<typeof unit>, needs: needs as z.infer<typeof unit>[], neededBy },
          next: [...sick.map((one) => logsOf(one.name)), logsOf(name)],
        };
      },
    }),
    tool({
      name: 'stack_logs',
      title: 'Log of a unit',
      description:
        'Lines of a unit’s log, the newest last: by time, by a text that they have, or only those that tell of an error. For what a pipeline run said take run_logs.',
      input: z.object({
        unit: unitName.describe('whose log, as stack_status has it'),
        search: z
          .string()
          .max(200)
          .optional()
          .describe('only lines that have this text, without regard to case'),
        errors: z.boolean().default(false).describe('only lines that tell of an error or a warning'),
        from: z.iso.datetime().optional().describe('only lines of this time or later (ISO 8601, UTC)'),
        to: z.iso.datetime().optional().describe('only lines of before this time'),
        limit: z.number().int().min(1).max(500).default(100).describe('lines at once, at most 500'),
        cursor: z
          .string()
          .max(200)
          .optional()
          .describe('`nextCursor` of the answer before: goes on with older lines'),
      }),
      output: z.object({
        lines: z.array(
          z.object({
            process: z.string(),
            at: z.string().optional().describe('when, if the line tells'),
            text: z.string(),
            truncated: z.boolean().optional().describe('the line is longer'),
          }),
        ),
        searchedBytes: z.number().int().describe('of the end of the log'),
        complete: z.boolean().describe('false: there is more log before what was searched'),
        nextCursor: z.string().optional(),
      }),
      run: async ({ unit: name, ...asked }, context) => {
        await find(name, context);
        const found = await logLines(context.env.LOGS, name, asked);
        return {
          text: `${found.lines.length} lines of ${name}${found.complete ? '' : `, of the last ${Math.round(found.searchedBytes / 2 ** 20)} MiB of its log`}.`,
          data: found,
          next: [{ tool: 'stack_unit', arguments: { unit: name }, why: 'what it depends on' }],
        };
      },
    }),
    tool({
      name: 'stack_restart',
      title: 'Restart a unit',
      description:
        'Restarts the processes of one service and waits until it is healthy again. Who uses it meanwhile gets errors; its data stays.',
      input: z.object({ unit: unitName.describe('which service, as stack_status has it') }),
      output: z.object({ unit: z.string(), started: z.array(z.string()), seconds: z.number() }),
      changes: {
        destructive: false,
        idempotent: true,
        question: ({ unit: name }) => `Restart ${name}? Who uses it gets errors until it is healthy again.`,
      },
      run: async ({ unit: name }, context) => {
        const found = await find(name, context);
        if (found.kind !== 'service')
          throw new ToolError(
            'no_service',
            `${name} is a ${found.kind}: nothing of it runs`,
            'restart a service',
          );
        context.progress(0, undefined, `restarting ${name}`);
        const begun = Date.now();
        const started = await restart(context.env.SOCKET, name, context.signal);
        const seconds = Math.round((Date.now() - begun) / 100) / 10;
        return {
          text: `${name} is healthy again after ${seconds} s.`,
          data: { unit: name, started, seconds },
          next: [{ tool: 'stack_unit', arguments: { unit: name }, why: 'how it is now' }],
        };
      },
    }),
  ],
  resources: [
    {
      name: 'units',
      title: 'The stack',
      description: 'Every unit with its health, address and dependencies',
      uri: 'stack://units',
      mimeType: 'application/json',
      changesWith: ['health'],
      read: async (_variables, { stack }) => JSON.stringify(await stack.units(), null, 2),
    },
  ],
  watch: [
    {
      topic: 'health',
      look: async ({ stack }) =>
        new Map(
          (await stack.units()).map((one): [string, Seen] => [
            one.name,
            {
              state: one.health,
              event: { unit: one.name, health: one.health, ...(one.reason && { reason: one.reason }) },
            },
          ]),
        ),
    },
  ],
});
