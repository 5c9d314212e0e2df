/** The project's graph: nodes by name, and what depends on what. */
import { ToolError, unknown } from '@stack/mcp';
import type { Manifest, Node } from './artefacts';

export interface Graph {
  /** Models, seeds, snapshots, tests, sources, exposures, unit tests by unique id. */
  readonly all: ReadonlyMap<string, Node>;
  readonly children: ReadonlyMap<string, readonly string[]>;
}

export const MODELS = ['model', 'source', 'seed', 'snapshot', 'exposure'] as const;
export type ModelType = (typeof MODELS)[number];

const graphs = new WeakMap<Manifest, Graph>();

export function graphOf(manifest: Manifest): Graph {
  const known = graphs.get(manifest);
  if (known) return known;
  const { nodes, sources = {}, exposures = {}, unit_tests: unitTests = {} } = manifest;
  const all = new Map(
    [...Object.entries(nodes), ...Object.entries(sources), ...Object.entries(exposures), ...Object.entries(unitTests)].filter(
      ([, { resource_type: type }]) => type !== 'operation',
    ),
  );
  const children = new Map<string, string[]>();
  for (const [id, node] of all)
    for (const parent of node.depends_on?.nodes ?? []) children.set(parent, [...(children.get(parent) ?? []), id]);
  const graph = { all, children };
  graphs.set(manifest, graph);
  return graph;
}

/** As people say it: `fct_flights`, of a source `raw.flights`. */
export const nameOf = ({ resource_type: type, source_name: source, name }: Node): string =>
  type === 'source' && source ? `${source}.${name}` : name;

export const isModel = ({ resource_type: type }: Node): boolean => (MODELS as readonly string[]).includes(type);

/** @throws ToolError naming those that are like it, or those that it could be */
export function modelNamed({ all }: Graph, name: string): Node {
  return named([...all.values()].filter(isModel), name, {
    what: 'model',
    remedy: 'dbt_models lists models, sources, seeds, snapshots and exposures',
  });
}

/** @throws ToolError naming those that are like it */
export function testNamed({ all }: Graph, name: string): Node {
  return named([...all.values()].filter(isTest), name, { what: 'test', remedy: 'dbt_tests lists them' });
}

export const isTest = ({ resource_type: type }: Node): boolean => type === 'test' || type === 'unit_test';

function named(nodes: readonly Node[], name: string, { what, remedy }: { what: string; remedy: string }): Node {
  const wanted = name.toLowerCase();
  const ways: ((node: Node) => boolean)[] = [
    (node) => node.unique_id.toLowerCase() === wanted,
    (node) => nameOf(node).toLowerCase() === wanted,
    (node) => (node.alias ?? node.identifier ?? '').toLowerCase() === wanted,
    // a table with its schema
    (node) => `${node.schema}.${node.alias ?? node.identifier ?? node.name}`.toLowerCase() === wanted,
    (node) => node.name.toLowerCase() === wanted,
  ];
  for (const way of ways) {
    const found = nodes.filter(way);
    if (found.length === 1) return found[0]!;
    if (found.length > 1)
      throw new ToolError(
        `ambiguous_${what}`,
        `${found.length} are called ${JSON.stringify(name)}`,
        `name one by its id: ${found.slice(0, 5).map((node) => node.unique_id).join(', ')}`,
      );
  }
  throw unknown(what, name, [...new Set(nodes.map(nameOf))], remedy);
}

export interface Reached {
  readonly node: Node;
  /** Steps from where it began. */
  readonly distance: number;
}

/** All that depends on a node, the nearest first. @param depth steps at most */
export function downstream({ all, children }: Graph, id: string, depth: number): Reached[] {
  const found = new Map<string, number>([[id, 0]]);
  let edge = [id];
  for (let distance = 1; distance <= depth && edge.length > 0; distance += 1) {
    const next = [...new Set(edge.flatMap((one) => children.get(one) ?? []))].filter((one) => !found.has(one));
    for (const one of next) found.set(one, distance);
    edge = next;
  }
  found.delete(id);
  return [...found].flatMap(([one, distance]) => {
    const node = all.get(one);
    return node ? [{ node, distance }] : [];
  });
}

/** Tests of a node: those that dbt attached to it, and those of several nodes that read it. */
export const testsOf = ({ all, children }: Graph, id: string): Node[] =>
  (children.get(id) ?? []).flatMap((one) => {
    const node = all.get(one);
    return node && isTest(node) && (!node.attached_node || node.attached_node === id) ? [node] : [];
  });

/** The node that a test is about: what dbt attached it to, or the first that it reads. */
export const testedBy = (node: Node): string | undefined => node.attached_node ?? node.depends_on?.nodes?.[0];
