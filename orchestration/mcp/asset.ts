/** One asset whole. */
import { type Next, type ToolContext, tool } from '@stack/mcp';
import { z } from 'zod';
import {
  type Asset,
  type Check,
  type Execution,
  type Materialization,
  RESULTS,
  allAssets,
  type counts,
  countsOf,
  outcomeOf,
  resultOf,
  summary,
  summaryOf,
  unknownAsset,
} from './assets';
import {
  METADATA,
  type Maybe,
  assetKey,
  at,
  atMs,
  graph,
  keyOf,
  metadata,
  metadataOf,
  pathOf,
  rowsOf,
  shortened,
} from './dagster';

/** Materialisations, and newest partitions, that are told of one asset. */
const LAST = 5;

const ASSET = `query Asset($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) {
    __typename
    ... on AssetNode {
      assetKey { path } groupName kinds isPartitioned staleStatus description jobNames
      staleCauses { key { path } reason category }
      freshnessStatusInfo { freshnessStatus }
      dependencyKeys { path } dependedByKeys { path }
      assetMaterializations(limit: ${LAST}) { runId timestamp partition ${METADATA} }
      partitionStats { numMaterialized numPartitions numFailed numMaterializing }
      partitionKeyConnection(limit: ${LAST}, ascending: false) { results }
      assetChecksOrError {
        ... on AssetChecks {
          checks {
            name blocking description
            executionForLatestMaterialization { status runId timestamp evaluation { severity timestamp ${METADATA} } }
          }
        }
      }
    }
  }
}`;

interface Whole extends Asset {
  readonly description?: string | null;
  readonly jobNames: readonly string[];
  readonly partitionStats?: {
    readonly numMaterialized: number;
    readonly numPartitions: number;
    readonly numFailed: number;
    readonly numMaterializing: number;
  } | null;
  readonly partitionKeyConnection?: { readonly results: readonly string[] } | null;
}

const checkResult = z.object({
  check: z.string(),
  description: z.string().optional(),
  blocking: z.boolean(),
  result: z.enum(RESULTS).describe('when it was run last; warned: failed, but stops nothing'),
  notRunSince: z
    .literal(true)
    .optional()
    .describe('a later run was to run it and did not: nothing was new, or it ended before'),
  at: z.string().optional(),
  runId: z.string().optional(),
  metadata,
});

const DESCRIPTION = 4_000;

export const assetShow = tool({
  name: 'asset_show',
  title: 'One asset',
  description:
    'One asset of Dagster whole: description, what it is made from and what is made from it, its newest materialisations with what the step told, each check with its newest result, its partitions. ' +
    'Why it is out of date is in asset_why_stale.',
  input: z.object({ key: assetKey }),
  output: z.object({
    ...summary,
    description: z.string().optional(),
    truncated: z
      .literal(true)
      .optional()
      .describe('the description is shortened; Dagster’s page of the asset has it whole'),
    upstream: z.array(z.string()),
    downstream: z.array(z.string()),
    jobs: z.array(z.string()).describe('jobs that make it'),
    materializations: z
      .array(
        z.object({
          at: z.string(),
          runId: z.string(),
          partition: z.string().optional(),
          rows: z.number().optional(),
          metadata,
        }),
      )
      .describe(`the newest, at most ${LAST}`),
    checkResults: z.array(checkResult),
    partitions: z
      .object({
        total: z.number().int(),
        materialized: z.number().int(),
        failed: z.number().int(),
        running: z.number().int(),
        newest: z.array(z.string()).describe(`at most ${LAST}`),
      })
      .optional(),
  }),
  run: async ({ key }, context) => {
    const { assetNodeOrError: asset } = await graph<{ assetNodeOrError: Maybe & Whole }>(context, ASSET, {
      key: pathOf(key),
    });
    if (asset.__typename !== 'AssetNode')
      throw unknownAsset(
        key,
        (await allAssets(context)).map((one) => keyOf(one.assetKey)),
      );
    const checks = asset.assetChecksOrError.checks ?? [];
    const description = shortened(asset.description ?? '', DESCRIPTION);
    const before = await earlier(context, key, checks);
    const checkResults = checks.map((check) => checkOf(check, before.get(check.name)));
    const data = {
      ...summaryOf(asset),
      checks: countsOf(checkResults.map(({ result }) => result)),
      ...(description.text && { description: description.text }),
      ...(description.truncated && { truncated: description.truncated }),
      upstream: asset.dependencyKeys.map(keyOf),
      downstream: asset.dependedByKeys.map(keyOf),
      jobs: asset.jobNames.filter((name) => !name.startsWith('__')),
      materializations: asset.assetMaterializations.map(materializationOf),
      checkResults,
      ...(asset.isPartitioned && asset.partitionStats && { partitions: partitionsOf(asset) }),
    };
    return { text: textOf(data), data, next: nextOf(key, data) };
  },
});

function materializationOf({ runId, timestamp, partition, metadataEntries }: Materialization) {
  const rows = rowsOf(metadataEntries);
  return {
    at: atMs(timestamp),
    runId,
    ...(partition && { partition }),
    ...(rows !== undefined && { rows }),
    metadata: metadataOf(metadataEntries, ['dagster/row_count']),
  };
}

/** Runs in which a check's last result is looked for. */
const RUNS = 25;

/** The last result of those checks that the last run left out, by name. */
async function earlier(
  context: ToolContext,
  key: string,
  checks: readonly Check[],
): Promise<ReadonlyMap<string, Execution>> {
  const left = checks.filter((check) => resultOf(check) === 'not_run');
  if (left.length === 0) return new Map();
  const fields = `{ status runId timestamp evaluation { severity timestamp ${METADATA} } }`;
  const answer = await graph<Record<string, Execution[]>>(
    context,
    `query Earlier($key: AssetKeyInput!, ${left.map((_, i) => `$n${i}: String!`).join(', ')}) {
      ${left.map((_, i) => `c${i}: assetCheckExecutions(assetKey: $key, checkName: $n${i}, limit: ${RUNS}) ${fields}`).join('\n')}
    }`,
    { key: pathOf(key), ...Object.fromEntries(left.map(({ name }, i) => [`n${i}`, name])) },
  );
  return new Map(
    left.flatMap(({ name }, i) => {
      const last = answer[`c${i}`]?.find(({ evaluation }) => evaluation);
      return last ? [[name, last] as const] : [];
    }),
  );
}

function checkOf(check: Check, before: Execution | undefined): z.output<typeof checkResult> {
  const { name, description, blocking } = check;
  const last = before ?? check.executionForLatestMaterialization;
  const result = outcomeOf(last);
  return {
    check: name,
    ...(description && { description: shortened(description, 500).text }),
    blocking,
    result,
    ...(before && { notRunSince: true as const }),
    ...(last && { at: at(last.evaluation?.timestamp ?? last.timestamp), runId: last.runId }),
    metadata: result === 'passed' ? {} : metadataOf(last?.evaluation?.metadataEntries, ['results']),
  };
}

const partitionsOf = ({ partitionStats: stats, partitionKeyConnection }: Whole) => ({
  total: stats?.numPartitions ?? 0,
  materialized: stats?.numMaterialized ?? 0,
  failed: stats?.numFailed ?? 0,
  running: stats?.numMaterializing ?? 0,
  newest: [...(partitionKeyConnection?.results ?? [])],
});

interface Shown {
  readonly key: string;
  readonly materialized?: string;
  readonly runId?: string;
  readonly dataState: string;
  readonly freshness: string;
  readonly checks: z.output<typeof counts>;
  readonly checkResults: readonly z.output<typeof checkResult>[];
  readonly upstream: readonly string[];
  readonly downstream: readonly string[];
}

function textOf(asset: Shown): string {
  const { passed, failed, warned, not_run: notRun } = asset.checks;
  const made = asset.materialized
    ? `made last at ${asset.materialized} by the run ${asset.runId}`
    : 'never made yet';
  return [
    `${asset.key}: ${made}; made from ${asset.upstream.length} assets, ${asset.downstream.length} are made from it.`,
    `Dagster calls its data ${asset.dataState}. Checks: ${passed} passed, ${failed} failed, ${warned} warned, ${notRun} not run since.`,
  ].join('\n');
}

function nextOf(key: string, asset: Shown): Next[] {
  const next: Next[] = [];
  const failing = asset.checkResults.filter(({ result }) => result === 'failed' || result === 'warned');
  if (failing.some(({ check }) => check === 'great_expectations'))
    next.push({
      tool: 'quality_results',
      arguments: { status: 'failed', table: key.split('/').at(-1) },
      why: 'which expectations failed on it',
    });
  if (failing.some(({ check }) => check === 'synced'))
    next.push({ tool: 'syncs_list', arguments: { status: 'failed' }, why: 'why Airbyte’s sync failed' });
  const of = failing.find(({ runId }) => runId)?.runId;
  if (of) next.push({ tool: 'run_show', arguments: { runId: of }, why: 'the run in which a check failed' });
  if (asset.dataState !== 'fresh' || ['late', 'late_soon'].includes(asset.freshness))
    next.push({ tool: 'asset_why_stale', arguments: { key }, why: 'why it is out of date, if it is' });
  if (asset.runId && asset.runId !== of)
    next.push({ tool: 'run_show', arguments: { runId: asset.runId }, why: 'the run that made it last' });
  if (asset.upstream[0])
    next.push({
      tool: 'asset_show',
      arguments: { key: asset.upstream[0] },
      why: 'the first that it is made from',
    });
  return next;
}
