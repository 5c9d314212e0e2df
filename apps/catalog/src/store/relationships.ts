import type { Database } from '@stack/postgres/client';

export interface Related {
  urn: string;
  type: string;
}

/** An aspect that points to an entity. */
export interface Reference {
  owner: string;
  aspect: string;
  /** DataHub's name of the relationship. */
  type: string;
}

export interface LineageNode {
  urn: string;
  /** Steps from where it began. */
  degree: number;
}

export interface LineageEdge {
  /** Data flows from the one to the other. */
  from: string;
  to: string;
  /** DataHub's name of the relationship. */
  type: string;
}

/** As it is written: an entity, or a column, says so of itself. */
export interface StoredEdge {
  source: string;
  type: string;
  target: string;
  /** Where data flows along it: the target is up, or down, of the source. */
  lineage: 'up' | 'down' | null;
}

/** Which edges; what is left out is any. */
export interface EdgeQuery {
  types: readonly string[];
  sources?: readonly string[];
  sourceTypes?: readonly string[];
  targets?: readonly string[];
  targetTypes?: readonly string[];
  /** URNs of which one end is one. */
  ends?: readonly string[];
  /** Those that data flows along. */
  ofLineage?: boolean;
  /** Also of entities that were removed softly. */
  withRemoved?: boolean;
}

export interface Lineage {
  nodes: LineageNode[];
  edges: LineageEdge[];
}

/** What leads from entity to entity. */
export class Relationships {
  constructor(private readonly database: Pick<Database, 'rows'>) {}

  /** Entities that an entity points to (`OUTGOING`) or that point to it, a page of them and how many there are. */
  async of(
    urn: string,
    direction: 'INCOMING' | 'OUTGOING',
    types: readonly string[],
    start: number,
    count: number,
  ): Promise<{ total: number; page: Related[] }> {
    const [here, there] = direction === 'OUTGOING' ? ['source', 'target'] : ['target', 'source'];
    const rows = await this.database.rows<Related & { total: string }>(
      `select ${there} as urn, type, count(*) over () as total from edges
       where ${here} = $1 and (cardinality($2::text[]) = 0 or type = any($2)) group by 1, 2 order by 2, 1 offset $3 limit $4`,
      [urn, types, start, count],
    );
    return {
      total: Number(rows[0]?.total ?? start),
      page: rows.map((row) => ({ urn: row.urn, type: row.type })),
    };
  }

  /** Aspects of other entities that point to one. */
  references(urn: string): Promise<Reference[]> {
    return this.database.rows<Reference>(
      'select distinct owner, aspect, type from edges where target = $1 and owner <> $1 order by owner, aspect, type',
      [urn],
    );
  }

  /**
   * What data comes from, or goes to: step by step, so that a circle ends.
   *
   * @param depth steps
   * @param most entities; what is further than the first so many is left out
   */
  async lineage(
    urn: string,
    direction: 'UPSTREAM' | 'DOWNSTREAM',
    depth: number,
    most = 10_000,
  ): Promise<Lineage> {
    const degrees = new Map([[urn, 0]]);
    const edges: LineageEdge[] = [];
    let front = [urn];
    for (let degree = 1; degree <= depth && front.length > 0; degree++) {
      const found = await this.step(front, direction);
      front = [];
      for (const edge of found) {
        const next = direction === 'UPSTREAM' ? edge.from : edge.to;
        if (!degrees.has(next)) {
          if (degrees.size >= most) continue;
          degrees.set(next, degree);
          front.push(next);
        }
        edges.push(edge);
      }
    }
    return { nodes: [...degrees].map(([one, degree]) => ({ urn: one, degree })), edges };
  }

  /** The next of all edges, in the order of source, type and target. @param after the last of the page before, in that order */
  async scroll(query: EdgeQuery, after: readonly string[], count: number): Promise<StoredEdge[]> {
    const values: unknown[] = [];
    const value = (one: unknown): string => `$${values.push(one)}`;
    const all = ['true'];
    const within = (sql: string, list?: readonly string[]): void => {
      if (list) all.push(`${sql} = any(${value(list)})`);
    };
    within('type', orNone(query.types));
    within('source', query.sources);
    within(`split_part(source, ':', 3)`, orNone(query.sourceTypes));
    within('target', query.targets);
    within(`split_part(target, ':', 3)`, orNone(query.targetTypes));
    if (query.ends?.length) {
      const ends = value(query.ends);
      all.push(`(source = any(${ends}) or target = any(${ends}))`);
    }
    if (query.ofLineage) all.push('lineage is not null');
    if (!query.withRemoved)
      all.push('not exists (select from entities e where e.removed and e.urn in (source, target))');
    if (after.length > 0) all.push(`(source, type, target) > (${after.map((one) => value(one)).join(', ')})`);
    return this.database.rows<StoredEdge>(
      `select distinct source, type, target, lineage from edges where ${all.join(' and ')}
       order by source, type, target limit ${value(count)}`,
      values,
    );
  }

  /** What points to some of them. */
  pointingTo(urns: readonly string[], types: readonly string[]): Promise<(Related & { target: string })[]> {
    return this.database.rows<Related & { target: string }>(
      'select distinct source as urn, type, target from edges where target = any($1) and type = any($2) order by 1, 2, 3',
      [urns, types],
    );
  }

  /** Those of some entities that say which of their columns come from where. */
  tellingOfColumns = (urns: readonly string[]): Promise<Set<string>> =>
    this.telling(urns, `source like 'urn:li:schemaField:%'`);

  /** Those of some tables that say themselves what they come from. */
  tellingOfTables = (urns: readonly string[]): Promise<Set<string>> => this.telling(urns, 'source = owner');

  private async telling(urns: readonly string[], where: string): Promise<Set<string>> {
    const rows = await this.database.rows<{ owner: string }>(
      `select distinct owner from edges where owner = any($1) and lineage is not null and ${where}`,
      [urns],
    );
    return new Set(rows.map(({ owner }) => owner));
  }

  /** Edges that data takes in or out of some entities, or columns. */
  step(urns: readonly string[], direction: 'UPSTREAM' | 'DOWNSTREAM'): Promise<LineageEdge[]> {
    // A lineage of 'up' says that data flows from the target to the source.
    const [out, back] = direction === 'UPSTREAM' ? ['up', 'down'] : ['down', 'up'];
    const flow = `case when lineage = 'up' then target else source end as "from", case when lineage = 'up' then source else target end as "to"`;
    return this.database.rows<LineageEdge>(
      `select ${flow}, type from edges where source = any($1) and lineage = $2 and source <> target
       union select ${flow}, type from edges where target = any($1) and lineage = $3 and source <> target`,
      [urns, out, back],
    );
  }
}

/** None named is any. */
const orNone = (list?: readonly string[]): readonly string[] | undefined => (list?.length ? list : undefined);
