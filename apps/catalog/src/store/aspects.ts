import { RequestError } from '@stack/http-server';
import type { Database, Transaction } from '@stack/postgres/client';
import { type Json, type JsonObject, isObject } from '../model/json';
import type { Model } from '../model/model';
import { parseUrn } from '../model/urn';
import type { Change } from '../write/change';
import { patched } from '../write/patch';
import { type Part, indexPart } from './index-part';
import type { Reference } from './relationships';

export interface StoredAspect {
  urn: string;
  aspect: string;
  /** From 1, one more with each other value. */
  version: number;
  value: JsonObject;
  system: JsonObject;
  createdAt: Date;
  createdBy: string;
}

interface Row {
  urn: string;
  aspect: string;
  version: number;
  value: string;
  system: string;
  created_at: Date;
  created_by: string;
}

/** An aspect with its new value. */
type Written = Required<Pick<Change, 'urn' | 'aspect' | 'value' | 'system'>>;

interface Edge {
  owner: string;
  aspect: string;
  source: string;
  type: string;
  target: string;
  lineage: string | null;
}

/** PostgreSQL says so when two transactions wait for each other, or it was restarted under one. */
const AGAIN = new Set([
  '40P01',
  '40001',
  '57P01',
  '57P02',
  '57P03',
  '08006',
  '08003',
  'ECONNRESET',
  'ECONNREFUSED',
]);
const TRIES = 5;

/** Entities and their aspects. */
export class Aspects {
  constructor(
    private readonly database: Database,
    private readonly model: Model,
  ) {}

  /**
   * Makes all the changes, or none. The same change twice is the same as once.
   *
   * @param actor URN of who makes them
   * @throws RequestError when one of them can't be made
   */
  async write(changes: readonly Change[], actor: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.database.transaction(async (transaction) => {
          for (const group of this.inGroups(changes)) await this.writeGroup(transaction, group, actor);
        });
      } catch (error) {
        if (attempt >= TRIES || !AGAIN.has(String((error as { code?: unknown }).code))) throw error;
        await new Promise((done) => setTimeout(done, 50 * 2 ** attempt));
      }
    }
  }

  /** @param version @default the newest */
  async read(urn: string, aspect: string, version = 0): Promise<StoredAspect | undefined> {
    const rows = await this.database.rows<Row>(
      `select * from aspects where urn = $1 and aspect = $2 and $3 in (0, version)
       union all select * from aspect_versions where urn = $1 and aspect = $2 and version = $3`,
      [urn, aspect, version],
    );
    return rows[0] && stored(rows[0]);
  }

  /** All the newest of some entities; a timeseries is not among them. */
  async readAll(
    urns: readonly string[],
    aspects?: readonly string[],
    without: readonly string[] = [],
  ): Promise<StoredAspect[]> {
    const rows = await this.database.rows<Row>(
      `select * from aspects where urn = any($1) and ($2::text[] is null or aspect = any($2)) and aspect <> all($3)
       order by urn, aspect`,
      [urns, aspects ?? null, without],
    );
    return rows.map(stored);
  }

  /** Each version of some aspects of an entity, the oldest first. */
  async versions(urn: string, aspects: readonly string[]): Promise<StoredAspect[]> {
    const rows = await this.database.rows<Row>(
      `select * from aspects where urn = $1 and aspect = any($2)
       union all select * from aspect_versions where urn = $1 and aspect = any($2) order by aspect, version`,
      [urn, aspects],
    );
    return rows.map(stored);
  }

  async exists(urn: string): Promise<boolean> {
    return (await this.database.rows('select from entities where urn = $1', [urn])).length > 0;
  }

  /** Removes all of an entity. @returns how many aspects and events it had */
  deleteEntity(urn: string): Promise<{ rows: number; events: number }> {
    return this.database.transaction((transaction) => this.deleteAll(transaction, urn));
  }

  /** Takes an entity out of aspects of others that point to it. */
  async removeReferences(urn: string, references: readonly Reference[], actor: string): Promise<void> {
    await this.database.transaction(async (transaction) => {
      for (const { owner, aspect } of references) {
        const [row] = await transaction.rows<Row>(
          'select * from aspects where urn = $1 and aspect = $2 for update',
          [owner, aspect],
        );
        if (!row) continue;
        const value = without(JSON.parse(row.value) as Json, urn);
        if (!isObject(value)) continue;
        const written = [
          { urn: parseUrn(owner), aspect, value, system: JSON.parse(row.system) as JsonObject },
        ];
        await this.writeAspects(transaction, written, actor);
      }
    });
  }

  /** In the order in which they came, no aspect twice in one group: a statement can write it once. */
  private inGroups(changes: readonly Change[]): Change[][] {
    const groups: Change[][] = [];
    let keys = new Set<string>();
    for (const change of changes) {
      const key = keyOf(change);
      // What a group deletes goes first.
      const repeats = keys.has(key) && !this.isEvent(change);
      if (groups.length === 0 || change.type === 'DELETE' || repeats) {
        groups.push([]);
        keys = new Set();
      }
      keys.add(key);
      groups.at(-1)!.push(change);
    }
    return groups;
  }

  /** One of many of its kind. */
  private isEvent({ type, aspect }: Change): boolean {
    return type !== 'DELETE' && this.model.aspect(aspect)?.isTimeseries === true;
  }

  private async writeGroup(transaction: Transaction, group: readonly Change[], actor: string): Promise<void> {
    const deleted = group.filter(({ type }) => type === 'DELETE');
    const events = group.filter((change) => this.isEvent(change));
    const others = group.filter((change) => !deleted.includes(change) && !events.includes(change));
    await this.deleteAspects(transaction, deleted);
    const written = await this.resolved(transaction, others);
    await this.writeEvents(transaction, events);
    await this.writeAspects(transaction, written, actor);
    await this.indexEntities(transaction, [], events);
  }

  /** The values that are to be written: a patch's is made of what is there. */
  private async resolved(transaction: Transaction, changes: readonly Change[]): Promise<Written[]> {
    const dependent = changes.filter(
      ({ type }) => type === 'PATCH' || type === 'CREATE' || type === 'CREATE_ENTITY' || type === 'UPDATE',
    );
    const now = new Map<string, JsonObject>();
    const entities = new Set<string>();
    if (dependent.length > 0) {
      // A lock of its own, since what isn't there yet can't be locked.
      for (const key of dependent.map(keyOf).sort())
        await transaction.rows('select pg_advisory_xact_lock(hashtextextended($1, 0))', [key]);
      const rows = await transaction.rows<Row>(
        'select * from aspects where (urn, aspect) in (select * from unnest($1::text[], $2::text[])) order by urn, aspect for update',
        [dependent.map(({ urn }) => urn.text), dependent.map(({ aspect }) => aspect)],
      );
      for (const row of rows) now.set(`${row.urn} ${row.aspect}`, JSON.parse(row.value) as JsonObject);
      const known = await transaction.rows<{ urn: string }>('select urn from entities where urn = any($1)', [
        dependent.map(({ urn }) => urn.text),
      ]);
      for (const { urn } of known) entities.add(urn);
    }
    return changes.map((change) => {
      const { urn, aspect, system, type } = change;
      const there = now.get(keyOf(change));
      if ((type === 'CREATE' && there) || (type === 'CREATE_ENTITY' && entities.has(urn.text)))
        throw conflict(`${aspect} of ${urn.text} is there already`, 'send it as UPSERT');
      if (type === 'UPDATE' && !there)
        throw conflict(`${aspect} of ${urn.text} isn’t there yet`, 'send it as UPSERT');
      if (!change.patch) return { urn, aspect, value: change.value!, system };
      const { operations, keys } = change.patch;
      const base = this.model.withDefaults(aspect, there ?? {});
      const value = patched(aspect, base, operations, keys);
      this.model.validate(aspect, value, urn.text);
      return { urn, aspect, value, system };
    });
  }

  /** Writes aspects, and of those that have another value now also what follows from them: edges, and what is searched. */
  private async writeAspects(
    transaction: Transaction,
    written: readonly Written[],
    actor: string,
  ): Promise<void> {
    if (written.length === 0) return;
    const inserting = transaction.rows<{ urn: string; aspect: string; existed: boolean }>(
      `with changed as (
         insert into aspects (urn, aspect, value, system, created_by)
         select urn, aspect, value, system, $5 from ${columns(4)} i(urn, aspect, value, system)
         order by urn, aspect
         on conflict (urn, aspect) do update set value = excluded.value, system = excluded.system,
           created_at = excluded.created_at, created_by = excluded.created_by
         returning urn, aspect, old.urn is not null as existed, old.value is distinct from new.value as differs)
       select urn, aspect, existed from changed where differs`,
      [
        lines(written.map(({ urn }) => urn.text)),
        lines(written.map(({ aspect }) => aspect)),
        lines(written.map(({ value }) => JSON.stringify(value))),
        lines(written.map(({ system }) => JSON.stringify(system))),
        actor,
      ],
    );
    // Made while PostgreSQL writes.
    const edges = new Map(
      written.map((one) => [keyOf(one), this.edgesOf(one.urn.text, one.aspect, one.value)]),
    );
    const parts = new Map(written.map((one) => [keyOf(one), indexPart(this.model, one.aspect, one.value)]));
    const changed = new Map((await inserting).map((row) => [`${row.urn} ${row.aspect}`, row]));
    const differing = written.filter((one) => changed.has(keyOf(one)));
    const before = differing.filter((one) => changed.get(keyOf(one))!.existed);
    await this.deleteEdges(transaction, before);
    await this.insertEdges(
      transaction,
      differing.flatMap((one) => edges.get(keyOf(one))!),
    );
    await this.indexEntities(
      transaction,
      differing.map(({ urn, aspect }) => ({ urn, aspect, part: parts.get(keyOf({ urn, aspect }))! })),
      [],
    );
  }

  private async deleteEdges(
    transaction: Transaction,
    aspects: readonly Pick<Change, 'urn' | 'aspect'>[],
  ): Promise<void> {
    const related = aspects.filter(({ aspect }) => this.model.aspect(aspect)?.relationships.length);
    if (related.length === 0) return;
    await transaction.rows(
      'delete from edges e using unnest($1::text[], $2::text[]) i(owner, aspect) where e.owner = i.owner and e.aspect = i.aspect',
      [related.map(({ urn }) => urn.text), related.map(({ aspect }) => aspect)],
    );
  }

  private async insertEdges(transaction: Transaction, edges: readonly Edge[]): Promise<void> {
    if (edges.length === 0) return;
    await transaction.rows(`insert into edges select * from ${columns(6)}`, [
      lines(edges.map(({ owner }) => owner)),
      lines(edges.map(({ aspect }) => aspect)),
      lines(edges.map(({ source }) => source)),
      lines(edges.map(({ type }) => type)),
      lines(edges.map(({ target }) => target)),
      lines(edges.map(({ lineage }) => lineage ?? '')),
    ]);
  }

  /** None twice. */
  private edgesOf(owner: string, aspect: string, value: JsonObject): Edge[] {
    const edges: Edge[] = this.model
      .related(aspect, value)
      .flatMap(([{ name, lineage = null }, found]) =>
        found.filter(isUrn).map((target) => ({ owner, aspect, source: owner, type: name, target, lineage })),
      );
    // Between columns: they have no aspects of their own.
    const fine = Array.isArray(value.fineGrainedLineages) ? value.fineGrainedLineages.filter(isObject) : [];
    for (const { upstreams, downstreams } of fine)
      for (const down of Array.isArray(downstreams) ? downstreams.filter(isUrn) : [])
        for (const up of Array.isArray(upstreams) ? upstreams.filter(isUrn) : [])
          edges.push({ owner, aspect, source: down, type: 'DownstreamOf', target: up, lineage: 'up' });
    return [...new Map(edges.map((edge) => [`${edge.source} ${edge.type} ${edge.target}`, edge])).values()];
  }

  private async writeEvents(transaction: Transaction, changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    const values = changes.map(({ value }) => JSON.stringify(value));
    await transaction.rows(
      `insert into events (urn, aspect, at, id, value, system)
       select urn, aspect, at, md5(value), value, system
       from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[]) i(urn, aspect, at, value, system)
       on conflict do nothing`,
      [
        changes.map(({ urn }) => urn.text),
        changes.map(({ aspect }) => aspect),
        changes.map(({ value }) => Number(value?.timestampMillis ?? 0)),
        values,
        changes.map(({ system }) => JSON.stringify(system)),
      ],
    );
  }

  private async deleteAspects(transaction: Transaction, changes: readonly Change[]): Promise<void> {
    for (const { urn, aspect } of changes) {
      if (aspect === this.model.keyOf(urn).name) {
        await this.deleteAll(transaction, urn.text);
        continue;
      }
      for (const table of ['aspects', 'aspect_versions', 'events'])
        await transaction.rows(`delete from ${table} where urn = $1 and aspect = $2`, [urn.text, aspect]);
      await transaction.rows('delete from edges where owner = $1 and aspect = $2', [urn.text, aspect]);
      await transaction.rows('update entities set parts = parts - $2::text where urn = $1', [
        urn.text,
        aspect,
      ]);
    }
  }

  private async deleteAll(transaction: Transaction, urn: string): Promise<{ rows: number; events: number }> {
    const gone = async (table: string, column = 'urn'): Promise<number> =>
      (await transaction.rows(`delete from ${table} where ${column} = $1 returning 1`, [urn])).length;
    await gone('edges', 'owner');
    await gone('aspect_versions');
    const [aspects, events, entities] = [await gone('aspects'), await gone('events'), await gone('entities')];
    // The key is an aspect, too.
    return { rows: aspects + entities, events };
  }

  /** What is searched of the entities, and the entities themselves: one that is written of is there. */
  private async indexEntities(
    transaction: Transaction,
    changed: readonly { urn: Change['urn']; aspect: string; part: Part }[],
    touched: readonly Change[],
  ): Promise<void> {
    const parts = new Map<string, { type: string; parts: Record<string, Part> }>();
    const of = (urn: Change['urn']): Record<string, Part> => {
      let found = parts.get(urn.text);
      if (!found) {
        const key = this.model.keyOf(urn);
        found = { type: urn.type, parts: { [key.name]: indexPart(this.model, key.name, key.value) } };
        parts.set(urn.text, found);
      }
      return found.parts;
    };
    for (const { urn, aspect, part } of changed) of(urn)[aspect] = part;
    for (const { urn } of touched) of(urn);
    if (parts.size === 0) return;
    const rows = [...parts].sort(([a], [b]) => (a < b ? -1 : 1));
    await transaction.rows(
      `insert into entities (urn, type, parts) select urn, type, parts::jsonb from ${columns(3)} i(urn, type, parts)
       on conflict (urn) do update set parts = entities.parts || excluded.parts
       where entities.parts || excluded.parts <> entities.parts`,
      [
        lines(rows.map(([urn]) => urn)),
        lines(rows.map(([, { type }]) => type)),
        lines(rows.map(([, one]) => JSON.stringify(one.parts))),
      ],
    );
  }
}

/** Also without what URNs can't have: see `lines`. */
const isUrn = (one: Json): one is string =>
  typeof one === 'string' && one.startsWith('urn:') && !/\p{Cc}/u.test(one);

/**
 * One parameter for a column of many rows, which `string_to_array` splits again: quicker than an array, whose items are escaped here
 * and unescaped there. No item has a line break: JSON escapes it, URNs and names of aspects don't have it.
 */
const lines = (items: readonly string[]): string => items.join('\n');

/** The same in SQL, the first of so many columns. */
const columns = (count: number): string =>
  `unnest(${Array.from({ length: count }, (_, i) => `string_to_array($${i + 1}, E'\\n', '')`).join(', ')})`;

const keyOf = ({ urn, aspect }: Pick<Change, 'urn' | 'aspect'>): string => `${urn.text} ${aspect}`;

/** A value without the items and fields that are a URN, or are of it. */
function without(value: Json, urn: string): Json | undefined {
  if (value === urn) return undefined;
  if (Array.isArray(value))
    return value
      .filter((item) => !(isObject(item) && Object.values(item).includes(urn)))
      .map((item) => without(item, urn))
      .filter((item) => item !== undefined);
  if (!isObject(value)) return value;
  const members = Object.entries(value).map(([name, one]) => [name, without(one, urn)] as const);
  return Object.fromEntries(members.filter(([, one]) => one !== undefined)) as JsonObject;
}

function stored(row: Row): StoredAspect {
  return {
    urn: row.urn,
    aspect: row.aspect,
    version: row.version,
    value: JSON.parse(row.value) as JsonObject,
    system: JSON.parse(row.system) as JsonObject,
    createdAt: row.created_at,
    createdBy: row.created_by,
  };
}

const conflict = (message: string, remedy: string): RequestError =>
  new RequestError(409, 'conflict', message, { remedy });
