import type { LineageEdge, Relationships } from '../store/relationships';
import type { Search } from '../store/search';
import { parseUrn } from '../model/urn';
import type { Graph, GraphEdge, GraphNode } from './types';
import { areSiblings, columnOf, ofDbt, platformOf, primary } from './siblings';

type Direction = 'UPSTREAM' | 'DOWNSTREAM';

export interface GraphOptions {
  directions: readonly Direction[];
  /** Steps. */
  depth: number;
  /** Nodes. */
  most: number;
}

/**
 * What an entity, or a column, comes from and what comes of it, as one looks at it: dbt's table and the warehouse's are one node, a
 * table with some of its columns too.
 */
export async function lineageGraph(
  { relationships, search }: { relationships: Relationships; search: Search },
  urn: string,
  { directions, depth, most }: GraphOptions,
): Promise<Graph> {
  const starts = await withSiblings(relationships, urn);
  const sides = await Promise.all(
    directions.map(async (direction) => {
      // Each step may pass a sibling; one more says what is hidden.
      const all = await Promise.all(
        starts.map((start) => relationships.lineage(start, direction, 2 * depth + 2, 4 * most)),
      );
      const edges = await direct(
        relationships,
        all.flatMap((one) => one.edges),
        urn,
      );
      const further =
        columnOf(urn) && direction === 'DOWNSTREAM' ? await possible(relationships, starts, edges) : [];
      return { direction, edges, further, isCut: all.some(({ nodes }) => nodes.length >= 4 * most) };
    }),
  );
  const merged = new Merged(starts);
  for (const { edges, further } of sides) for (const edge of [...edges, ...further]) merged.learn(edge);

  // What is upstream of a warehouse's table isn't dbt's source of it, which is beside.
  const twins = new Map(merged.tables.flatMap((one) => (ofDbt(one) ? [[ofDbt(one)!, one] as const] : [])));
  for (const one of await search.known([...twins.keys()])) merged.join(one, twins.get(one)!);

  const degrees = new Map([[merged.keyOf(urn), 0]]);
  const sure = new Set([merged.keyOf(urn)]);
  const edges = new Map<string, GraphEdge>();
  const hidden = new Map<string, Set<string>>();
  let isCut = sides.some((side) => side.isCut);
  for (const { direction, edges: found, further } of sides) {
    const next = new Map<string, Set<string>>();
    for (const [list, isSure] of [
      [found, true],
      [further, false],
    ] as const)
      for (const { from, to } of list) {
        const [a, b] = [merged.keyOf(from), merged.keyOf(to)];
        if (isSure) for (const one of [from, to]) sure.add(merged.keyOf(one));
        if (a === b) continue;
        const [near, far] = direction === 'UPSTREAM' ? [b, a] : [a, b];
        next.set(near, (next.get(near) ?? new Set()).add(far));
      }
    let front = [merged.keyOf(urn)];
    for (let degree = 1; front.length > 0; degree++) {
      const reached: string[] = [];
      for (const near of front)
        for (const far of next.get(near) ?? []) {
          if (!degrees.has(far)) {
            if (degree > depth || degrees.size >= most) {
              isCut ||= degree <= depth;
              hidden.set(near, (hidden.get(near) ?? new Set()).add(far));
              continue;
            }
            degrees.set(far, direction === 'UPSTREAM' ? -degree : degree);
            reached.push(far);
          }
          const [from, to] = direction === 'UPSTREAM' ? [far, near] : [near, far];
          edges.set(`${from} ${to}`, { from, to });
        }
      front = reached;
    }
  }

  const keys = [...degrees.keys()];
  const known = await search.named(keys);
  const tests = columnOf(urn) ? await relationships.pointingTo(merged.columnUrns(keys), ['Asserts']) : [];
  const nodes = keys.map((key): GraphNode => {
    const columns = merged.columnsOf(key);
    return {
      urn: key,
      siblings: merged.siblingsOf(key),
      type: parseUrn(key).type,
      name: known.get(key)?.name || nameIn(key),
      platform: platformOf(key),
      kind: known.get(key)?.kind,
      degree: degrees.get(key)!,
      columns,
      isPossible: !sure.has(key),
      tests: [...new Set(tests.filter(({ target }) => merged.keyOf(target) === key).map((one) => one.urn))],
      hidden: hidden.get(key)?.size ?? 0,
    };
  });
  return { root: merged.keyOf(urn), nodes, edges: [...edges.values()], isCut };
}

/** The last part of a URN's key. */
export function nameIn(urn: string): string {
  const { type, parts } = parseUrn(urn);
  const key = type === 'dataset' ? parts[1]! : parts.at(-1)!;
  return key.startsWith('urn:li:') ? nameIn(key) : key;
}

/** An entity and its siblings; a column and the same of its table's siblings. */
export async function withSiblings(relationships: Relationships, urn: string): Promise<string[]> {
  const column = columnOf(urn);
  const table = column?.table ?? urn;
  const around = await Promise.all(
    (['UPSTREAM', 'DOWNSTREAM'] as const).map((direction) => relationships.lineage(table, direction, 1)),
  );
  const tables = around
    .flatMap(({ nodes }) => nodes)
    .map((node) => node.urn)
    .filter((one) => areSiblings(table, one));
  return [urn, ...tables.map((one) => (column ? `urn:li:schemaField:(${one},${column.column})` : one))];
}

/**
 * Without runs, and without jobs between tables that say themselves what they are made of: a job that builds all of a warehouse
 * would lead from each table to each.
 */
async function direct(
  relationships: Relationships,
  edges: readonly LineageEdge[],
  urn: string,
): Promise<LineageEdge[]> {
  const typeOf = (one: string): string => parseUrn(one).type;
  const kept = edges.filter(
    (edge) => ![edge.from, edge.to].some((one) => typeOf(one) === 'dataProcessInstance'),
  );
  const ofJobs = kept.filter(
    ({ from, to }) => typeOf(from) === 'dataJob' && typeOf(to) === 'dataset' && from !== urn,
  );
  const telling = await relationships.tellingOfTables(ofJobs.map(({ to }) => to));
  const said = new Set(ofJobs.filter(({ to }) => telling.has(to)));
  const useful = new Set(kept.filter((edge) => !said.has(edge)).map(({ from }) => from));
  const idle = new Set([...said].map(({ from }) => from).filter((job) => !useful.has(job)));
  return kept.filter((edge) => !said.has(edge) && (!idle.has(edge.to) || edge.to === urn));
}

/** Who reads tables that have the column, and tells nothing of columns: dashboards, mostly; and what comes of those. */
async function possible(
  relationships: Relationships,
  starts: readonly string[],
  edges: readonly LineageEdge[],
): Promise<LineageEdge[]> {
  const tables = new Set(
    [...starts, ...edges.map(({ to }) => to)].flatMap((one) => columnOf(one)?.table ?? []),
  );
  const found: LineageEdge[] = [];
  let front = [...tables];
  const seen = new Set(front);
  while (front.length > 0) {
    const next = (await relationships.step(front, 'DOWNSTREAM')).filter(
      ({ to }) => !['schemaField', 'dataJob', 'dataProcessInstance'].includes(parseUrn(to).type),
    );
    const telling = await relationships.tellingOfColumns(next.map(({ to }) => to));
    const silent = next.filter(({ to }) => !telling.has(to) && !tables.has(to));
    found.push(...silent);
    front = [...new Set(silent.map(({ to }) => to))].filter((one) => !seen.has(one));
    for (const one of front) seen.add(one);
  }
  return found;
}

/** Which URNs are one node. */
class Merged {
  private readonly primaries = new Map<string, string>();
  private readonly siblings = new Map<string, Set<string>>();
  private readonly columns = new Map<string, Set<string>>();
  private readonly urns = new Map<string, Set<string>>();
  private readonly seen = new Set<string>();

  constructor(starts: readonly string[]) {
    const [first, ...rest] = starts.map((one) => columnOf(one)?.table ?? one);
    for (const other of rest) this.join(first!, other);
    for (const start of starts) this.note(start);
  }

  learn({ from, to }: LineageEdge): void {
    const [a, b] = [from, to].map((one) => columnOf(one)?.table ?? one) as [string, string];
    if (a !== b && areSiblings(a, b)) this.join(a, b);
    this.note(from);
    this.note(to);
  }

  keyOf(urn: string): string {
    const table = columnOf(urn)?.table ?? urn;
    return this.primaries.get(table) ?? table;
  }
  siblingsOf = (key: string): string[] => [...(this.siblings.get(key) ?? [])];
  columnsOf = (key: string): string[] => this.of(this.columns, key);
  columnUrns = (keys: readonly string[]): string[] => keys.flatMap((key) => this.of(this.urns, key));

  /** What was noted of a node, and of its siblings before they were known to be that. */
  private of(noted: Map<string, Set<string>>, key: string): string[] {
    const all = [key, ...this.siblingsOf(key)].flatMap((one) => [...(noted.get(one) ?? [])]);
    return [...new Set(all)];
  }

  join(one: string, other: string): void {
    const main = primary(one, other);
    const second = main === one ? other : one;
    this.primaries.set(second, main);
    this.siblings.set(main, (this.siblings.get(main) ?? new Set()).add(second));
  }

  get tables(): string[] {
    return [...this.seen];
  }

  private note(urn: string): void {
    const column = columnOf(urn);
    this.seen.add(column?.table ?? urn);
    if (!column) return;
    this.columns.set(column.table, (this.columns.get(column.table) ?? new Set()).add(column.column));
    this.urns.set(column.table, (this.urns.get(column.table) ?? new Set()).add(urn));
  }
}
