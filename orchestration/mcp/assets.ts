/** Assets: their list, and what is told of each. */
import { type Next, type ToolContext, ToolError, more, pageOf, paged, tool, nearest } from '@stack/mcp';
import { z } from 'zod';
import { METADATA, type MetadataEntry, atMs, graph, keyOf, rowsOf } from './dagster';

export interface Materialization {
  readonly runId: string;
  readonly timestamp: string;
  readonly partition?: string | null;
  readonly metadataEntries: readonly MetadataEntry[];
}

export interface Execution {
  readonly status: string;
  readonly runId: string;
  readonly timestamp: number;
  readonly evaluation?: {
    readonly severity: string;
    readonly timestamp: number;
    readonly metadataEntries?: readonly MetadataEntry[];
  } | null;
}

export interface Check {
  readonly name: string;
  readonly blocking: boolean;
  readonly description?: string | null;
  readonly executionForLatestMaterialization?: Execution | null;
}

export interface Asset {
  readonly assetKey: { readonly path: readonly string[] };
  readonly groupName: string;
  readonly kinds: readonly string[];
  readonly isPartitioned: boolean;
  readonly staleStatus?: string | null;
  readonly staleCauses: readonly {
    readonly key: { readonly path: readonly string[] };
    readonly reason: string;
    readonly category: string;
  }[];
  readonly freshnessStatusInfo?: { readonly freshnessStatus: string } | null;
  readonly dependencyKeys: readonly { readonly path: readonly string[] }[];
  readonly dependedByKeys: readonly { readonly path: readonly string[] }[];
  readonly assetMaterializations: readonly Materialization[];
  readonly assetChecksOrError: { readonly checks?: readonly Check[] };
}

const ASSETS = `query Assets {
  assetNodes(loadMaterializations: true) {
    assetKey { path } groupName kinds isPartitioned staleStatus
    staleCauses { key { path } reason category }
    freshnessStatusInfo { freshnessStatus }
    dependencyKeys { path } dependedByKeys { path }
    assetMaterializations(limit: 1) { runId timestamp partition ${METADATA} }
    assetChecksOrError {
      ... on AssetChecks {
        checks {
          name blocking
          executionForLatestMaterialization { status runId timestamp evaluation { severity timestamp } }
        }
      }
    }
  }
}`;

/** All assets of the code location, with their newest materialisation. */
export async function allAssets(context: ToolContext): Promise<Asset[]> {
  const { assetNodes } = await graph<{ assetNodes: Asset[] }>(context, ASSETS);
  return [...assetNodes].sort((a, b) => keyOf(a.assetKey).localeCompare(keyOf(b.assetKey)));
}

/** @throws ToolError that names the assets that resemble it */
export function unknownAsset(key: string, known: readonly string[]): ToolError {
  const close = nearest(key, known);
  return new ToolError(
    'unknown_asset',
    `there is no asset ${key}`,
    close.length > 0 ? `do you mean ${close.join(' or ')}? assets_list has all` : 'call assets_list',
  );
}

const STALE = ['fresh', 'stale', 'missing'] as const;
const FRESHNESS = ['in_time', 'late_soon', 'late', 'unknown'] as const;
export const RESULTS = ['passed', 'failed', 'warned', 'running', 'not_run'] as const;

export const staleOf = ({ staleStatus }: Pick<Asset, 'staleStatus'>): (typeof STALE)[number] =>
  STALE.find((one) => one.toUpperCase() === staleStatus) ?? 'missing';

export function freshnessOf({
  freshnessStatusInfo,
}: Pick<Asset, 'freshnessStatusInfo'>): (typeof FRESHNESS)[number] {
  const names = { HEALTHY: 'in_time', WARNING: 'late_soon', DEGRADED: 'late' } as const;
  return names[freshnessStatusInfo?.freshnessStatus as keyof typeof names] ?? 'unknown';
}

/** What a check found in the last run that was to run it. */
export const resultOf = ({ executionForLatestMaterialization: last }: Check): (typeof RESULTS)[number] =>
  outcomeOf(last);

export function outcomeOf(last: Execution | null | undefined): (typeof RESULTS)[number] {
  switch (last?.status) {
    case 'SUCCEEDED':
      return 'passed';
    case 'FAILED':
      return last.evaluation?.severity === 'WARN' ? 'warned' : 'failed';
    case 'IN_PROGRESS':
      return 'running';
    default:
      return 'not_run';
  }
}

export const counts = z.object({
  passed: z.number().int(),
  failed: z.number().int(),
  warned: z.number().int(),
  not_run: z
    .number()
    .int()
    .describe(
      'the last run that was to run them did not: nothing was new, or it ended before; asset_show has their last results',
    ),
});

const resultsOf = (asset: Asset): string[] => (asset.assetChecksOrError.checks ?? []).map(resultOf);

export function countsOf(results: readonly string[]): z.output<typeof counts> {
  const of = (...wanted: string[]) => results.filter((result) => wanted.includes(result)).length;
  return {
    passed: of('passed'),
    failed: of('failed'),
    warned: of('warned'),
    not_run: of('not_run', 'running'),
  };
}

export const summary = {
  key: z.string(),
  group: z.string(),
  kinds: z.array(z.string()),
  materialized: z.string().optional().describe('ISO 8601; left out: never'),
  runId: z.string().optional().describe('the run that made it last'),
  rows: z.number().optional().describe('as far as the step tells them'),
  dataState: z
    .enum(STALE)
    .describe(
      'Dagster’s: stale when something that it is made from is newer, even if its content is the same',
    ),
  freshness: z.enum(FRESHNESS).describe('against its policy: it is to be made anew within 48 hours'),
  checks: counts,
};

export function summaryOf(asset: Asset): z.output<z.ZodObject<typeof summary>> {
  const last = asset.assetMaterializations.at(0);
  const rows = rowsOf(last?.metadataEntries);
  return {
    key: keyOf(asset.assetKey),
    group: asset.groupName,
    kinds: [...asset.kinds],
    ...(last && { materialized: atMs(last.timestamp), runId: last.runId }),
    ...(rows !== undefined && { rows }),
    dataState: staleOf(asset),
    freshness: freshnessOf(asset),
    checks: countsOf(resultsOf(asset)),
  };
}

const isStale = (asset: Asset): boolean =>
  staleOf(asset) !== 'fresh' || ['late', 'late_soon'].includes(freshnessOf(asset));

export const assetsList = tool({
  name: 'assets_list',
  title: 'Assets of the pipeline',
  description:
    'The assets that Dagster makes (loaded tables, models of dbt, the published snapshot, what is brought to PostgreSQL and the catalogue): when each was made last and by which run, rows, whether it is stale or late, how its checks ended. ' +
    'Columns and content of published tables are not here.',
  input: z.object({
    group: z
      .string()
      .max(100)
      .regex(/^[\w-]+$/)
      .optional()
      .describe('only this group: ingestion, staging, core, marts, publish, sinks'),
    stale: z
      .boolean()
      .optional()
      .describe('true: only those that are stale, missing or late; false: only the others'),
    search: z.string().min(1).max(100).optional().describe('only keys with this text'),
    ...paged,
  }),
  output: z.object({ assets: z.array(z.object(summary)), ...more }),
  run: async (input, context) => {
    const { group, stale, search } = input;
    const all = await allAssets(context);
    const groups = [...new Set(all.map((asset) => asset.groupName))].sort();
    if (group && !groups.includes(group))
      throw new ToolError('unknown_group', `there is no group ${group}`, `groups are ${groups.join(', ')}`);
    const found = all
      .filter((asset) => !group || asset.groupName === group)
      .filter((asset) => stale === undefined || isStale(asset) === stale)
      .filter((asset) => !search || keyOf(asset.assetKey).toLowerCase().includes(search.toLowerCase()));
    const page = pageOf(found, input);
    const late = found.filter(isStale);
    const failing = found.filter((asset) => countsOf(resultsOf(asset)).failed > 0);
    const next: Next[] = [
      ...late.slice(0, 2).map((asset) => ({
        tool: 'asset_why_stale',
        arguments: { key: keyOf(asset.assetKey) },
        why: 'whether it really is out of date, and why',
      })),
      ...failing.slice(0, 2).map((asset) => ({
        tool: 'asset_show',
        arguments: { key: keyOf(asset.assetKey) },
        why: 'which of its checks failed',
      })),
    ];
    const [first] = page.entries;
    if (next.length === 0 && first)
      next.push({ tool: 'asset_show', arguments: { key: keyOf(first.assetKey) }, why: 'all of the first' });
    if (page.nextCursor)
      next.push({
        tool: 'assets_list',
        arguments: { ...input, cursor: page.nextCursor },
        why: 'the others',
      });
    if (found.length === 0) next.push({ tool: 'assets_list', arguments: {}, why: 'all assets' });
    return {
      text: `${found.length} asset${found.length === 1 ? '' : 's'}${group ? ` of the group ${group}` : ''}: ${late.length} stale, missing or late as Dagster sees it (also those whose sources were looked at since, with nothing new), ${failing.length} with failed checks. Groups: ${groups.join(', ')}.`,
      data: {
        assets: page.entries.map(summaryOf),
        total: page.total,
        ...(page.nextCursor && { nextCursor: page.nextCursor }),
      },
      next,
    };
  },
});
