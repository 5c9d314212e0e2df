import { RequestError } from '@stack/http-server';
import type { Database, Transaction } from '@stack/postgres/client';
import { type Json, type JsonObject, isObject } from '../model/json';
import type { Model } from '../model/model';
import { parseUrn } from '../model/urn';
import type { Change } from '../write/change';
import { patched } from '../write/patch';
import { columns, lines } from './columns';
import type { Changed, Indexer } from './indexer';
import { isPassing, pause } from './passing';
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

/** What a write changed, and by which mark the indexer knows it. */
interface Changes {
  mark?: string;
  changed: Changed[];
}

const TRIES = 5;

/** Entities and their aspects. */
export class Aspects {
  constructor(
    private readonly database: Database,
    private readonly model: Model,
    private readonly indexer: Indexer,
  ) {}

  /**
   * Makes all the changes, or none. The same change twice is the same as once.
   *
   * @param actor URN of who makes them
   * @throws RequestError when one of them can't be made
   */
  async write(changes: readonly Change[], actor: string): Promise<void> {
    const groups = this.inGroups(changes);
    const work = () =>
      this.indexed(async (transaction) => {
        const written: Changes[] = [];
        for (const group of groups) written.push(await this.writeGroup(transaction, group, actor));
        return written;
      });
    await this.indexer.room();
    await (changes.some(({ type }) => type === 'DELETE') ? this.indexer.alone(work) : work());
  }

  /** Writes in one transaction, again where PostgreSQL was restarted, and has it indexed. */
  private async indexed(work: (transaction: Transaction) => Promise<Changes[]>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        const written = await this.database.transaction(work);
        for (const { mark, changed } of written) if (mark) this.indexer.add(mark, changed);
        return;
      } catch (error) {
        if (attempt >= TRIES || !isPassing(error)) throw error;
        await pause(attempt);
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

  /** How many entities have an aspect. @param like of URNs, as SQL has it: `%` is anything */
  async count(aspect: string, like: string): Promise<number> {
    const rows = await this.database.rows<{ n: string }>(
      'select count(*) as n from aspects where aspect = $1 and urn like $2',
      [aspect, like],
    );
    return Number(rows[0]?.n);
  }

  async exists(urn: string): Promise<boolean> {
    return (await this.existing([urn])).size > 0;
  }

  /** Those of some entities that there are. */
  async existing(urns: readonly string[]): Promise<Set<string>> {
    const found = await this.database.rows<{ urn: string }>(
      'select urn from aspects where urn = any($1) union select urn from entities where urn = any($1)',
      [urns],
    );
    return new Set(found.map(({ urn }) => urn));
  }

  /** Removes all of an entity. @returns how many aspects and events it had */
  deleteEntity(urn: string): Promise<{ rows: number; events: number }> {
    return this.indexer.alone(() =>
      this.database.transaction((transaction) => this.deleteAll(transaction, urn)),
    );
  }

  /** Takes an entity out of aspects of others that point to it. */
  async removeReferences(urn: string, references: readonly Reference[], actor: string): Promise<void> {
    await this.indexed(async (transaction) => {
      const changes: Changes[] = [];
      for (const { owner, aspect } of references) {
        const [row] = await transaction.rows<Row>(
          'select * from aspects where urn = $1 and aspect = $2 for update',
          [owner, aspect],
        );
        if (!row) continue;
        const value = without(JSON.parse(row.value) as Json, urn);
        if (!isObject(value)) continue;
        const system = JSON.parse(row.system) as JsonObject;
        changes.push(
          await this.writeAspects(transaction, [{ urn: parseUrn(owner), aspect, value, system }], actor),
        );
      }
      return changes;
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

  private async writeGroup(
    transaction: Transaction,
    group: readonly Change[],
    actor: string,
  ): Promise<Changes> {
    const deleted = group.filter(({ type }) => type === 'DELETE');
    const events = group.filter((change) => this.isEvent(change));
    const others = group.filter((change) => !deleted.includes(change) && !events.includes(change));
    await this.deleteAspects(transaction, deleted);
    const written = await this.resolved(transaction, others);
    await this.writeEvents(transaction, events);
    await this.indexer.addParts(
      transaction,
      events.map(({ urn, aspect }) => ({ urn, aspect })),
    );
    return this.writeAspects(transaction, written, actor);
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
      const known = await transaction.rows<{ urn: string }>(
        'select urn from entities where urn = any($1) union select urn from aspects where urn = any($1)',
        [dependent.map(({ urn }) => urn.text)],
      );
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

  /** Writes aspects, and marks those that have another value now. */
  private async writeAspects(
    transaction: Transaction,
    written: readonly Written[],
    actor: string,
  ): Promise<Changes> {
    if (written.length === 0) return { changed: [] };
    const rows = await transaction.rows<{
      mark: string;
      urn: string;
      aspect: string;
      version: number;
      existed: boolean;
    }>(
      `with written as (
         insert into aspects (urn, aspect, value, system, created_by)
         select urn, aspect, value, system, $5 from ${columns(4)} i(urn, aspect, value, system) order by urn, aspect
         on conflict (urn, aspect) do update set value = excluded.value, system = excluded.system,
           created_at = excluded.created_at, created_by = excluded.created_by
         returning urn, aspect, version, old.urn is not null as existed, old.value is distinct from new.value as differs),
       marked as (
         insert into unindexed (urns, aspects)
         select array_agg(urn), array_agg(aspect) from written where differs having count(*) > 0 returning id)
       select id as mark, urn, aspect, version, existed from written, marked where differs`,
      [
        lines(written.map(({ urn }) => urn.text)),
        lines(written.map(({ aspect }) => aspect)),
        lines(written.map(({ value }) => JSON.stringify(value))),
        lines(written.map(({ system }) => JSON.stringify(system))),
        actor,
      ],
    );
    const byKey = new Map(written.map((one) => [keyOf(one), one]));
    const changed = rows.map(({ urn, aspect, version, existed }) => ({
      ...byKey.get(`${urn} ${aspect}`)!,
      version,
      existed,
    }));
    return { mark: rows[0]?.mark, changed };
  }

  private async writeEvents(transaction: Transaction, changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    const values = changes.map(({ value }) => JSON.stringify(value));
    await transaction.rows(
      `insert into events (urn, aspect, at, id, value, system)
       select distinct on (urn, aspect, at, id) urn, aspect, at, id, value, system
       from (select *, md5(coalesce(bucket, value)) as id
             from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[])
               with ordinality i(urn, aspect, at, value, system, bucket, number)) i
       order by urn, aspect, at, id, number desc
       on conflict (urn, aspect, at, id) do update set value = excluded.value, system = excluded.system
         where events.value <> excluded.value`,
      [
        changes.map(({ urn }) => urn.text),
        changes.map(({ aspect }) => aspect),
        changes.map(({ value }) => Number(value?.timestampMillis ?? 0)),
        values,
        changes.map(({ system }) => JSON.stringify(system)),
        changes.map(({ value }) => bucketOf(value)),
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
}

const keyOf = ({ urn, aspect }: Pick<Change, 'urn' | 'aspect'>): string => `${urn.text} ${aspect}`;

/** What tells an event of a span of time, such as a day's usage: told again, it replaces what was told of it. null: it is of a moment. */
function bucketOf(value: JsonObject | undefined): string | null {
  if (!value?.eventGranularity) return null;
  return JSON.stringify([value.eventGranularity, value.partitionSpec ?? null, value.messageId ?? null]);
}

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
