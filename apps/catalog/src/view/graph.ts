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
    directions.map((direction) => readSide(relationships, starts, direction, depth, most)),
  );
  const merged = new Merged(starts);
  for (const { sure, possible } of sides) for (const edge of [...sure, ...possible]) merged.learn(edge);
  // What is upstream of a warehouse's table isn't dbt's source of it, which is beside.
  const twins = new Map(merged.tables.flatMap((one) => (ofDbt(one) ? [[ofDbt(one)!, one] as const] : [])));
  for (const one of await search.known([...twins.keys()])) merged.join(one, twins.get(one)!);

  const root = merged.keyOf(urn);
  const reached = reach(merged, sides, root, depth, most);
  const keys = [...reached.degrees.keys()];
  const known = await search.named(keys);
  const sure = new Set([
    root,
    ...sides
      .flatMap((side) => side.sure.flatMap(({ from, to }) => [from, to]))
      .map((one) => merged.keyOf(one)),
  ]);
  const tests = new Map<string, Set<string>>();
  if (columnOf(urn))
    for (const { urn: test, target } of await relationships.pointingTo(merged.columnUrns(keys), ['Asserts']))
      add(tests, merged.keyOf(target), test);
  const nodes = keys.map((key): GraphNode => ({
    urn: key,
    name: known.get(key)?.name || nameIn(key),
    platform: platformOf(key),
    kind: known.get(key)?.kind,
    degree: reached.degrees.get(key)!,
    columns: merged.columnsOf(key),
    isPossible: !sure.has(key),
    tests: [...(tests.get(key) ?? [])],
    hidden: reached.hidden.get(key)?.size ?? 0,
  }));
  return { root, nodes, edges: reached.edges, isCut: reached.isCut || sides.some((side) => side.isCut) };
}

/** What one direction has, as it was told. */
interface Side {
  direction: Direction;
  sure: LineageEdge[];
  /** To who reads a table that has the column, and tells nothing of columns. */
  possible: LineageEdge[];
  isCut: boolean;
}

async function readSide(
  relationships: Relationships,
  starts: readonly string[],
  direction: Direction,
  depth: number,
  most: number,
): Promise<Side> {
  // Each step may pass a sibling; one more says what is hidden.
  const all = await Promise.all(
    starts.map((start) => relationships.lineage(start, direction, 2 * depth + 2, 4 * most)),
  );
  const sure = await direct(
    relationships,
    all.flatMap(({ edges }) => edges),
    starts[0]!,
  );
  const isOfColumn = columnOf(starts[0]!) !== undefined;
  return {
    direction,
    sure,
    possible: isOfColumn && direction === 'DOWNSTREAM' ? await readersOf(relationships, starts, sure) : [],
    isCut: all.some(({ nodes }) => nodes.length >= 4 * most),
  };
}

/** Goes from the root as far as is asked, the nearest first. */
function reach(merged: Merged, sides: readonly Side[], root: string, depth: number, most: number) {
  const degrees = new Map([[root, 0]]);
  const hidden = new Map<string, Set<string>>();
  const edges = new Map<string, GraphEdge>();
  let isCut = false;
  for (const { direction, sure, possible } of sides) {
    const isUp = direction === 'UPSTREAM';
    const next = new Map<string, Set<string>>();
    for (const { from, to } of [...sure, ...possible]) {
      const [a, b] = [merged.keyOf(from), merged.keyOf(to)];
      if (a !== b) add(next, isUp ? b : a, isUp ? a : b);
    }
    let front = [root];
    for (let degree = 1; front.length > 0; degree++) {
      const found: string[] = [];
      for (const near of front)
        for (const far of next.get(near) ?? []) {
          if (!degrees.has(far)) {
            if (degree > depth || degrees.size >= most) {
              isCut ||= degree <= depth;
              add(hidden, near, far);
              continue;
            }
            degrees.set(far, isUp ? -degree : degree);
            found.push(far);
          }
          const [from, to] = isUp ? [far, near] : [near, far];
          edges.set(`${from} ${to}`, { from, to });
        }
      front = found;
    }
  }
  return { degrees, hidden, edges: [...edges.values()], isCut };
}

function add(to: Map<string, Set<string>>, key: string, value: string): void {
  const values = to.get(key);
  if (values) values.add(value);
  else to.set(key, new Set([value]));
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
async function readersOf(
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
  columnsOf = (key: string): string[] => this.of(this.columns, key);
  columnUrns = (keys: readonly string[]): string[] => keys.flatMap((key) => this.of(this.urns, key));

  /** What was noted of a node, and of its siblings before they were known to be that. */
  private of(noted: Map<string, Set<string>>, key: string): string[] {
    const all = [key, ...(this.siblings.get(key) ?? [])].flatMap((one) => [...(noted.get(one) ?? [])]);
    return [...new Set(all)];
  }

  join(one: string, other: string): void {
    const main = primary(one, other);
    const second = main === one ? other : one;
    this.primaries.set(second, main);
    add(this.siblings, main, second);
  }

  get tables(): string[] {
    return [...this.seen];
  }

  private note(urn: string): void {
    const column = columnOf(urn);
    this.seen.add(column?.table ?? urn);
    if (!column) return;
    add(this.columns, column.table, column.column);
    add(this.urns, column.table, urn);
  }
}
