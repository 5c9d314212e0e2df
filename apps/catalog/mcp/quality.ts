/** Results of a table's checks: assertions, and the newest event of each. */
import type { ToolContext } from '@stack/mcp';
import { z } from 'zod';
import { type CheckInfo, checkOf, graph, nameOf, newestEvent } from './datahub';

const ASSERTIONS = `query checks($urn: String!, $start: Int!) {
  entity(urn: $urn) { ... on Dataset {
    relationships(input: { types: ["Asserts"], direction: INCOMING, start: $start, count: 100 }) {
      total
      relationships { entity { urn ... on Assertion { told: aspects(input: { aspectNames: ["assertionInfo"] }) { payload } } } }
    }
  } }
}`;

interface Page {
  readonly entity?: {
    readonly relationships?: {
      readonly total?: number | null;
      readonly relationships?:
        | readonly {
            readonly entity?: {
              readonly urn: string;
              readonly told?: readonly { readonly payload?: string | null }[] | null;
            } | null;
          }[]
        | null;
    } | null;
  } | null;
}

interface Event {
  readonly timestampMillis: number;
  readonly runId?: string;
  readonly status?: string;
  readonly result?: { readonly type?: string; readonly nativeResults?: Readonly<Record<string, string>> };
}

/** Checks of a table that are looked at, and failing ones that are told. */
const [MOST, FAILING] = [200, 50];
/** Requests at once. */
const AT_ONCE = 8;

const check = z.object({
  urn: z.string(),
  name: z.string(),
  column: z.string().optional(),
  test: z.string().optional().describe('unique id of the dbt test: dbt_test_show'),
  at: z.string().describe('ISO 8601, UTC'),
  runId: z.string().optional().describe('the run that found it: run_show'),
  results: z.record(z.string(), z.string()).optional().describe('numbers that the check gave'),
});

export const qualityShape = z.object({
  checks: z.number(),
  passed: z.number().describe('when each was last run'),
  failed: z.number(),
  unknown: z.number().describe('without a result'),
  lastAt: z.string().optional().describe('newest result, ISO 8601, UTC'),
  lastRunId: z.string().optional(),
  failing: z.array(check).describe('at most 50'),
  incomplete: z
    .literal(true)
    .optional()
    .describe('it has more checks than were looked at: dbt_tests and quality_results list all'),
});

export async function qualityOf(
  context: ToolContext,
  urns: readonly string[],
): Promise<z.output<typeof qualityShape>> {
  const found = new Map<string, CheckInfo>();
  let incomplete = false;
  for (const urn of urns) incomplete = (await checksOf(context, urn, found)) || incomplete;
  const all = [...found];
  const events: (Event | undefined)[] = [];
  for (let i = 0; i < all.length; i += AT_ONCE)
    events.push(
      ...(await Promise.all(
        all
          .slice(i, i + AT_ONCE)
          .map(([urn]) => newestEvent<Event>(context, urn, 'assertion', 'assertionRunEvent')),
      )),
    );
  const results = all.map(([urn, info], i) => ({ urn, info, event: events[i] }));
  const outcome = (type: string) => results.filter(({ event }) => event?.result?.type === type);
  const failed = outcome('FAILURE');
  const [passed, broken] = [outcome('SUCCESS').length, outcome('ERROR').length];
  const newest = results
    .map(({ event }) => event)
    .sort((a, b) => (b?.timestampMillis ?? 0) - (a?.timestampMillis ?? 0))[0];
  return {
    checks: all.length,
    passed,
    failed: failed.length + broken,
    unknown: all.length - passed - failed.length - broken,
    ...(newest && { lastAt: iso(newest.timestampMillis) }),
    ...(newest?.runId && { lastRunId: newest.runId }),
    failing: [...failed, ...outcome('ERROR')]
      .slice(0, FAILING)
      .map(({ urn, info, event }) => failure(urn, info, event!)),
    ...((incomplete || failed.length + broken > FAILING) && { incomplete: true as const }),
  };
}

/** @returns whether there are more than are looked at */
async function checksOf(context: ToolContext, urn: string, found: Map<string, CheckInfo>): Promise<boolean> {
  for (let start = 0; ; start += 100) {
    const { entity } = await graph<Page>(context, ASSERTIONS, { urn, start });
    const page = entity?.relationships?.relationships ?? [];
    for (const { entity: one } of page) {
      if (!one) continue;
      if (found.size >= MOST) return true;
      found.set(one.urn, checkOf(one.told));
    }
    if (page.length < 100 || start + page.length >= (entity?.relationships?.total ?? 0)) return false;
  }
}

function failure(
  urn: string,
  info: CheckInfo,
  { timestampMillis, runId, result }: Event,
): z.output<typeof check> {
  const field = info.customAssertion?.field ?? info.datasetAssertion?.fields?.[0];
  const column = field && /,([^,]*)\)$/.exec(field)?.[1];
  const test = info.customProperties?.dbt_unique_id;
  const numbers = Object.entries(result?.nativeResults ?? {});
  return {
    urn,
    name: nameOf({ urn, check: [{ payload: JSON.stringify(info) }] }),
    ...(column && { column }),
    ...(test && { test }),
    at: iso(timestampMillis),
    ...(runId && { runId }),
    ...(numbers.length > 0 && {
      results: Object.fromEntries(numbers.map(([key, value]) => [key, String(value).slice(0, 300)])),
    }),
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();
