/** Why an asset is out of date: what Dagster says, and what the runs say, which Dagster doesn't put together. */
import { type Next, type ToolContext, tool } from '@stack/mcp';
import { z } from 'zod';
import { type Asset, allAssets, freshnessOf, resultOf, staleOf, unknownAsset } from './assets';
import { assetKey, atMs, graph, keyOf, pathOf } from './dagster';
import { type Run, failedStepsOf, isOver, listRuns, show, statusOf, tagOf } from './runs';

const REASONS = [
  'in_progress',
  'run_failed',
  'run_canceled',
  'not_published',
  'parts_not_published',
  'never_made',
  'upstream_newer',
  'source_unreachable',
  'definition_changed',
  'late',
  'up_to_date',
] as const;
export type Reason = (typeof REASONS)[number];

/** A materialisation, in milliseconds since 1970. */
interface Made {
  readonly at: number;
  readonly runId: string;
}

/** What is told of a run here. */
export interface RunFacts {
  readonly runId: string;
  readonly job: string;
  readonly status: 'queued' | 'running' | 'success' | 'failed' | 'canceled';
  readonly failedSteps: readonly string[];
  readonly nothingNew: boolean;
  /** It published a snapshot. */
  readonly published: boolean;
}

export interface Facts {
  readonly made?: Made;
  /** The run that made it last. */
  readonly madeBy?: RunFacts;
  /** The last run that was to make it. */
  readonly latest?: RunFacts;
  /** Runs that are about to make it. */
  readonly underWay: readonly string[];
  /** What it is made from, over any number of steps, with something newer than it. */
  readonly newer: readonly (Made & { readonly key: string; readonly nothingNew: boolean })[];
  /** It is a part of the snapshot, which was published last then. */
  readonly published?: Made | 'never';
  /** Of the snapshot: its parts that were made by a run that didn't publish them; a later one carries over those of before. */
  readonly unpublished: readonly { readonly key: string; readonly by: RunFacts }[];
  /** Sources of it, or itself, of which not all could be loaded, so that older content stays. */
  readonly unreachable: readonly { readonly key: string; readonly check: string; readonly runId: string }[];
  readonly dataState: 'fresh' | 'stale' | 'missing';
  readonly freshness: 'in_time' | 'late_soon' | 'late' | 'unknown';
  /** Kinds of causes that Dagster gives. */
  readonly categories: readonly string[];
}

/** The most likely reason; the first that holds, those that stop everything before those that only delay. */
export function reasonFrom(facts: Facts): Reason {
  const { made, latest } = facts;
  if (facts.underWay.length > 0 || (isHidden(facts) && !isOver(facts.madeBy?.status ?? 'success')))
    return 'in_progress';
  const isHere = made?.runId === latest?.runId;
  if (latest?.status === 'failed') {
    if (!isHere) return 'run_failed';
    if (isHidden(facts)) return 'not_published';
  }
  if (latest?.status === 'canceled' && !isHere) return 'run_canceled';
  if (!made) return 'never_made';
  if (facts.newer.some(({ nothingNew }) => !nothingNew)) return 'upstream_newer';
  if (isHidden(facts)) return 'not_published';
  if (facts.unpublished.length > 0) return 'parts_not_published';
  if (facts.unreachable.length > 0) return 'source_unreachable';
  if (facts.freshness === 'late') return 'late';
  if (facts.categories.includes('CODE')) return 'definition_changed';
  return 'up_to_date';
}

/** Whether readers have an older one: a snapshot has of the models only those that its own run built. */
function isHidden({ made, madeBy, published }: Facts): boolean {
  if (!published || !made) return false;
  if (madeBy) return !madeBy.published && !madeBy.nothingNew;
  return published === 'never' || published.at < made.at;
}

const steps = (run: RunFacts | undefined): string =>
  run && run.failedSteps.length > 0 ? ` at ${run.failedSteps.join(', ')}` : '';

const before = (made: Made | undefined): string =>
  made ? ` What is there is of ${atMs(made.at)}, by the run ${made.runId}.` : ' There is none of before.';

/** The reason as a sentence or two. */
export function wordsOf(key: string, reason: Reason, facts: Facts): string {
  const { made, latest, madeBy } = facts;
  const published =
    facts.published === undefined || facts.published === 'never'
      ? ''
      : ` The last snapshot is of ${atMs(facts.published.at)}.`;
  switch (reason) {
    case 'in_progress':
      return facts.underWay.length > 0
        ? `${key} is about to be made by the run ${facts.underWay[0]}.`
        : `${key} was made by the run ${madeBy?.runId}, which is under way and has not published yet.`;
    case 'run_failed':
      return `${key} was not made: the last run that should have made it, ${latest?.runId} of ${latest?.job}, failed${steps(latest)}.${before(facts.made)}`;
    case 'run_canceled':
      return `${key} was not made: the last run that should have made it, ${latest?.runId}, was canceled.${before(facts.made)}`;
    case 'not_published':
      return madeBy?.status === 'failed'
        ? `${key} was made, but not published: the run ${madeBy.runId} of ${madeBy.job} failed${steps(madeBy)}, so readers have it as it was before.${published}`
        : `${key} was made by the run ${madeBy?.runId ?? made?.runId}, which published no snapshot, so readers have it as it was before.${published}`;
    case 'parts_not_published': {
      const [{ key: part, by }] = facts.unpublished;
      const others = facts.unpublished.length > 1 ? ` and ${facts.unpublished.length - 1} more` : '';
      return `${key} is of ${atMs(made?.at ?? 0)}, but has ${part}${others} as before: the run ${by.runId} of ${by.job} made them anew and ${by.status === 'failed' ? `failed${steps(by)}` : 'published nothing'}.`;
    }
    case 'never_made':
      return `${key} was never made, and no run was to make it.`;
    case 'upstream_newer': {
      const news = facts.newer.filter(({ nothingNew }) => !nothingNew);
      return `${key} is older than ${news[0].key}, which the run ${news[0].runId} made anew without it${news.length > 1 ? ` (and ${news.length - 1} more)` : ''}.`;
    }
    case 'source_unreachable':
      return `${key} is as new as its last run, but of ${facts.unreachable[0].key} not all could be loaded (check ${facts.unreachable[0].check}): a source did not answer or was refused, and what was loaded before stays.`;
    case 'definition_changed':
      return `${key} was made by another version of its code than the present one.`;
    case 'late':
      return `${key} was not made for longer than its policy allows: no run was started in time.`;
    case 'up_to_date':
      return latest?.nothingNew
        ? `${key} is up to date: the last run that looked, ${latest.runId}, found nothing new and left it as it is.`
        : `${key} is up to date: nothing that it is made from has something new.`;
  }
}

const LATEST = `query Latest($keys: [AssetKeyInput!]!) {
  assetsLatestInfo(assetKeys: $keys) { unstartedRunIds inProgressRunIds latestRun { runId } }
}`;

/** The asset that readers are given. */
const SNAPSHOT = 'published_snapshot';

/** Checks of sources that are told as warnings, since older content stays. */
const SOURCE_CHECKS = ['synced', 'every_repository_answered', 'every_file_loaded'];

const factsOf = (run: Run): RunFacts => ({
  runId: run.runId,
  job: run.jobName,
  status: statusOf(run.status),
  failedSteps: failedStepsOf(run),
  nothingNew: tagOf(run, 'stack/outcome') === 'nothing new',
  published: tagOf(run, 'stack/snapshot') !== undefined,
});

/** All that an asset is made from, and what that is made from, each once. @param end what is behind it is left out */
export function ancestorsOf(
  key: string,
  edges: ReadonlyMap<string, readonly string[]>,
  end?: string,
): string[] {
  const found = new Set<string>();
  const visit = (one: string): void => {
    for (const up of edges.get(one) ?? []) {
      if (found.has(up)) continue;
      found.add(up);
      if (up !== end) visit(up);
    }
  };
  visit(key);
  return [...found];
}

async function gather(context: ToolContext, key: string): Promise<{ asset: Asset; facts: Facts }> {
  const [all, { assetsLatestInfo }] = await Promise.all([
    allAssets(context),
    graph<{
      assetsLatestInfo: {
        unstartedRunIds: string[];
        inProgressRunIds: string[];
        latestRun?: { runId: string } | null;
      }[];
    }>(context, LATEST, { keys: [pathOf(key)] }),
  ]);
  const byKey = new Map(all.map((asset) => [keyOf(asset.assetKey), asset]));
  const asset = byKey.get(key);
  if (!asset) throw unknownAsset(key, [...byKey.keys()]);
  const edges = new Map(all.map((one) => [keyOf(one.assetKey), one.dependencyKeys.map(keyOf)]));
  const ancestors = ancestorsOf(key, edges);
  const made = madeOf(asset);
  // what is behind the snapshot reaches those after it only through it
  const newer = ancestorsOf(key, edges, SNAPSHOT).flatMap((up) => {
    const its = madeOf(byKey.get(up));
    // of the same run: in the order in which dbt told of them
    const isNewer = its && made && its.runId !== made.runId && its.at > made.at;
    return isNewer ? [{ key: up, ...its }] : [];
  });
  const [latestInfo] = assetsLatestInfo;
  const latestId = latestInfo?.latestRun?.runId;
  // the snapshot's own parts, for itself and for what is made from it
  const snapshot = key === SNAPSHOT || ancestors.includes(SNAPSHOT) ? (edges.get(SNAPSHOT) ?? []) : [];
  const parts = snapshot.flatMap((part) => {
    const its = madeOf(byKey.get(part));
    return its ? [{ key: part, runId: its.runId }] : [];
  });
  const ids = new Set(
    [latestId, made?.runId, ...[...newer, ...parts].map(({ runId }) => runId)].filter(
      (id) => id !== undefined,
    ),
  );
  const { runs } = ids.size > 0 ? await listRuns(context, { runIds: [...ids] }, ids.size) : { runs: [] };
  const facts = new Map(runs.map((run) => [run.runId, factsOf(run)]));
  const isPart = ancestorsOf(SNAPSHOT, edges).includes(key);
  return {
    asset,
    facts: {
      made,
      madeBy: made && facts.get(made.runId),
      latest: latestId === undefined ? undefined : facts.get(latestId),
      underWay: [...(latestInfo?.inProgressRunIds ?? []), ...(latestInfo?.unstartedRunIds ?? [])],
      newer: newer
        .map((one) => ({ ...one, nothingNew: facts.get(one.runId)?.nothingNew ?? false }))
        .sort((a, b) => b.at - a.at),
      ...(isPart && { published: madeOf(byKey.get(SNAPSHOT)) ?? 'never' }),
      unpublished: parts.flatMap(({ key: part, runId }) => {
        const by = facts.get(runId);
        return by && !by.published && !by.nothingNew ? [{ key: part, by }] : [];
      }),
      unreachable: [key, ...ancestors].flatMap((one) => unreachableOf(byKey.get(one))),
      dataState: staleOf(asset),
      freshness: freshnessOf(asset),
      categories: asset.staleCauses.map(({ category }) => category),
    },
  };
}

function madeOf(asset: Asset | undefined): Made | undefined {
  const last = asset?.assetMaterializations.at(0);
  return last && { at: Number(last.timestamp), runId: last.runId };
}

const unreachableOf = (asset: Asset | undefined): Facts['unreachable'] =>
  (asset?.assetChecksOrError.checks ?? [])
    .filter((check) => SOURCE_CHECKS.includes(check.name) && ['warned', 'failed'].includes(resultOf(check)))
    .map((check) => ({
      key: asset ? keyOf(asset.assetKey) : '',
      check: check.name,
      runId: check.executionForLatestMaterialization?.runId ?? '',
    }));

const MOST = 20;

export const assetWhyStale = tool({
  name: 'asset_why_stale',
  title: 'Why an asset is out of date',
  description:
    'Why one asset (a loaded table, a model, the published snapshot) is not as new as expected, in one plain sentence: its run failed, it was built but not published, a source could not be reached, nothing was new, a run is under way … ' +
    'Puts together Dagster’s state, the newest runs and what it is made from. Take it for "why is this old?"; "published_snapshot" is what readers have.',
  input: z.object({ key: assetKey }),
  output: z.object({
    key: z.string(),
    reason: z.enum(REASONS).describe('the most likely one'),
    explanation: z.string(),
    materialized: z.string().optional(),
    materializedBy: z.string().optional().describe('id of the run'),
    published: z
      .string()
      .optional()
      .describe('when the last snapshot was made, if this asset is a part of it'),
    latestRun: z
      .object({
        runId: z.string(),
        job: z.string(),
        status: z.string(),
        failedSteps: z.array(z.string()),
        nothingNew: z.boolean(),
      })
      .optional()
      .describe('the last run that was to make it'),
    newerUpstream: z
      .array(z.object({ key: z.string(), at: z.string(), runId: z.string(), nothingNew: z.boolean() }))
      .describe(
        `what it is made from and was made after it, at most ${MOST}; nothingNew: by a run that found nothing new`,
      ),
    newerUpstreamTotal: z.number().int(),
    unpublished: z
      .array(z.object({ key: z.string(), runId: z.string() }))
      .describe('of the snapshot: parts that a run made anew and did not publish'),
    unreachable: z
      .array(z.object({ key: z.string(), check: z.string(), runId: z.string() }))
      .describe('sources of it of which not all could be loaded: what was loaded before stays'),
    dagster: z.object({
      dataState: z.enum(['fresh', 'stale', 'missing']),
      freshness: z.enum(['in_time', 'late_soon', 'late', 'unknown']),
      causes: z.array(z.object({ key: z.string(), category: z.string(), reason: z.string() })),
      causesTotal: z.number().int(),
    }),
  }),
  run: async ({ key }, context) => {
    const { asset, facts } = await gather(context, key);
    const reason = reasonFrom(facts);
    const explanation = wordsOf(key, reason, facts);
    const { made, published, latest, newer } = facts;
    return {
      text: explanation,
      data: {
        key,
        reason,
        explanation,
        ...(made && { materialized: atMs(made.at), materializedBy: made.runId }),
        ...(published && published !== 'never' && { published: atMs(published.at) }),
        ...(latest && { latestRun: toldOf(latest) }),
        newerUpstream: newer.slice(0, MOST).map((one) => ({
          key: one.key,
          at: atMs(one.at),
          runId: one.runId,
          nothingNew: one.nothingNew,
        })),
        newerUpstreamTotal: newer.length,
        unpublished: facts.unpublished.map(({ key: part, by }) => ({ key: part, runId: by.runId })),
        unreachable: [...facts.unreachable],
        dagster: {
          dataState: facts.dataState,
          freshness: facts.freshness,
          causes: asset.staleCauses.slice(0, MOST).map((cause) => ({
            key: keyOf(cause.key),
            category: cause.category.toLowerCase(),
            reason: cause.reason,
          })),
          causesTotal: asset.staleCauses.length,
        },
      },
      next: nextOf(key, reason, facts),
    };
  },
});

const toldOf = ({ runId, job, status, failedSteps, nothingNew }: RunFacts) => ({
  runId,
  job,
  status,
  failedSteps: [...failedSteps],
  nothingNew,
});

function nextOf(key: string, reason: Reason, facts: Facts): Next[] {
  const { latest, madeBy, unreachable } = facts;
  const next: Next[] = [];
  const add = (tool: string, args: object, why: string) =>
    next.push({ tool, arguments: args as Record<string, unknown>, why });
  if (reason === 'in_progress') next.push(show(facts.underWay[0] ?? madeBy?.runId, 'how far it is'));
  if (latest && ['run_failed', 'run_canceled'].includes(reason))
    next.push(show(latest.runId, 'why it ended so'));
  if (reason === 'not_published' || reason === 'parts_not_published') {
    const run = reason === 'not_published' ? madeBy : facts.unpublished[0].by;
    if (run) next.push(show(run.runId, 'why it published nothing'));
    if (run?.failedSteps.includes('great_expectations'))
      add('quality_results', { status: 'failed' }, 'which expectations stopped the publish');
  }
  if (unreachable.some(({ check }) => check === 'synced'))
    add('syncs_list', { status: 'failed' }, 'why Airbyte’s sync failed');
  const [first] = unreachable.filter(({ check }) => check !== 'synced');
  if (first) add('asset_show', { key: first.key }, `what the check ${first.check} says`);
  if (reason === 'late') add('schedules_list', {}, 'whether the schedule is on, and what its last ticks did');
  if (['never_made', 'upstream_newer', 'definition_changed', 'late'].includes(reason))
    add('assets_materialise', {}, 'runs the whole pipeline, which makes it');
  if (['run_failed', 'not_published', 'parts_not_published'].includes(reason))
    add('assets_materialise', {}, 'runs the whole pipeline again, once the cause is mended');
  if (next.length === 0) {
    if (latest) next.push(show(latest.runId, 'what the last run that looked at it did'));
    add('asset_show', { key }, 'its checks and what it is made from');
  }
  return next;
}
