import { parseUrn } from '../model/urn';
import type { Aspects } from '../store/aspects';
import type { Events } from '../store/events';
import type { Related, Relationships } from '../store/relationships';
import type { Search } from '../store/search';
import type { EntityView } from './types';
import { nameIn, withSiblings } from './graph';
import { platformOf, primary } from './siblings';

/** Results of a check, runs, days of usage, related entities that a page shows. */
const [RESULTS, RUNS, DAYS, RELATED] = [30, 100, 90, 500];

export interface Stores {
  aspects: Aspects;
  events: Events;
  relationships: Relationships;
  search: Search;
}

/** All that the page of an entity shows. Undefined when nothing was ever written of it, or of a sibling. */
export async function entityView(stores: Stores, urn: string): Promise<EntityView | undefined> {
  const { aspects, events, relationships, search } = stores;
  const urns = await withSiblings(relationships, urn);
  const main = urns.reduce(primary);
  const stored = await aspects.readAll(urns);
  if (stored.length === 0 && !(await aspects.exists(urn))) return undefined;
  const merged: EntityView['aspects'] = {};
  for (const { urn: of, aspect, value } of stored) if (of === main || !merged[aspect]) merged[aspect] = value;

  const [pointing, pointed] = await Promise.all([
    Promise.all(urns.map((one) => relationships.of(one, 'INCOMING', [], 0, RELATED))),
    Promise.all(urns.map((one) => relationships.of(one, 'OUTGOING', [], 0, RELATED))),
  ]);
  const incoming = pointing.flatMap(({ page }) => page);
  const checks = [...new Set(urnsOf(incoming, 'assertion'))];
  const [infos, results, runs, usage] = await Promise.all([
    aspects.readAll(checks, ['assertionInfo']),
    events.latest(checks, 'assertionRunEvent', RESULTS),
    events.ofPointing(urns, ['Produces', 'InstanceOf'], 'dataProcessInstanceRunEvent', RUNS),
    events.latest(urns, 'datasetUsageStatistics', DAYS),
  ]);
  const related = incoming.filter(
    ({ urn: of }) => !['assertion', 'schemaField', 'dataProcessInstance'].includes(typeOf(of)),
  );
  const known = await search.named([
    ...new Set(
      [...pointed.flatMap(({ page }) => page), ...related, ...runs].map((one) => one.urn).concat(main),
    ),
  ]);
  const nameOf = (one: string): string => known.get(one)?.name || nameIn(one);
  return {
    urn: main,
    type: typeOf(main),
    name: nameOf(main),
    platform: platformOf(main),
    siblings: urns.filter((one) => one !== main),
    aspects: merged,
    checks: infos.map(({ urn: of, value }) => ({
      urn: of,
      info: value,
      runs: results.filter((one) => one.urn === of),
    })),
    runs: runs.map((run) => ({ ...run, name: nameOf(run.urn) })),
    usage,
    related: related
      .filter(({ urn: of }) => !urns.includes(of))
      .map(({ urn: of, type }) => ({ urn: of, type: typeOf(of), name: nameOf(of), relationship: type })),
    names: Object.fromEntries(pointed.flatMap(({ page }) => page).map(({ urn: of }) => [of, nameOf(of)])),
  };
}

const typeOf = (urn: string): string => parseUrn(urn).type;
const urnsOf = (all: readonly Related[], type: string): string[] =>
  all.map(({ urn }) => urn).filter((urn) => typeOf(urn) === type);
