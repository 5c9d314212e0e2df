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

  private step(urns: readonly string[], direction: 'UPSTREAM' | 'DOWNSTREAM'): Promise<LineageEdge[]> {
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
