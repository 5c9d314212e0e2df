import type { Database } from '@stack/postgres/client';
import type { EntityEvent } from '../model/event';
import type { JsonObject } from '../model/json';

export interface StoredEvent {
  /** Milliseconds since 1970. */
  at: number;
  value: JsonObject;
  system: JsonObject;
}

/** Timeseries aspects: runs, profiles, usage. */
export class Events {
  constructor(private readonly database: Database) {}

  /** The newest first. @param range of milliseconds since 1970, both ends are in it */
  async read(
    urn: string,
    aspect: string,
    { limit = 100, from, to }: { limit?: number; from?: number; to?: number } = {},
  ): Promise<StoredEvent[]> {
    const rows = await this.database.rows<{ at: string; value: string; system: string }>(
      `select at, value, system from events where urn = $1 and aspect = $2
         and ($3::bigint is null or at >= $3) and ($4::bigint is null or at <= $4)
       order by at desc, id limit $5`,
      [urn, aspect, from ?? null, to ?? null, limit],
    );
    return rows.map(({ at, value, system }) => ({
      at: Number(at),
      value: JSON.parse(value) as JsonObject,
      system: JSON.parse(system) as JsonObject,
    }));
  }

  /** The newest of each of some entities. @param each how many of one */
  latest(urns: readonly string[], aspect: string, each: number): Promise<EntityEvent[]> {
    return this.ofMany(
      `select e.urn, e.at, e.value from unnest($1::text[]) u(urn) cross join lateral
         (select urn, at, value from events where urn = u.urn and aspect = $2 order by at desc limit $3) e`,
      [urns, aspect, each],
    );
  }

  /** The newest of what points to some entities. It reads edges: who asks has waited for them. @param types of relationships */
  ofPointing(
    urns: readonly string[],
    types: readonly string[],
    aspect: string,
    limit: number,
  ): Promise<EntityEvent[]> {
    return this.ofMany(
      `select urn, at, value from events where aspect = $3 and urn in
         (select source from edges where target = any($1) and type = any($2)) order by at desc limit $4`,
      [urns, types, aspect, limit],
    );
  }

  private async ofMany(sql: string, values: unknown[]): Promise<EntityEvent[]> {
    const rows = await this.database.rows<{ urn: string; at: string; value: string }>(sql, values);
    return rows.map(({ urn, at, value }) => ({
      urn,
      at: Number(at),
      value: JSON.parse(value) as JsonObject,
    }));
  }

  /** @param like of URNs, as SQL has it: `%` is anything */
  async count(aspect: string, like: string): Promise<number> {
    const rows = await this.database.rows<{ n: string }>(
      'select count(*) as n from events where aspect = $1 and urn like $2',
      [aspect, like],
    );
    return Number(rows[0]?.n);
  }

  /** @returns how many were removed */
  async delete(urn: string, aspect: string, { from, to }: { from: number; to: number }): Promise<number> {
    const rows = await this.database.rows(
      'delete from events where urn = $1 and aspect = $2 and at between $3 and $4 returning 1',
      [urn, aspect, from, to],
    );
    return rows.length;
  }
}
