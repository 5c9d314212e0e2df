import ELK, { type ElkNode } from 'elkjs/lib/elk-api.js';
import type { GraphEdge, GraphNode } from '../src/view/types';

export interface Box {
  node: GraphNode;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Columns that a box names; the rest is a number. */
export const SHOWN_COLUMNS = 8;
const [WIDTH, HEIGHT, LINE] = [240, 46, 18];
/** From as many on, speed counts more than the fewest crossings. */
const MANY = 300;

const COMMON = {
  'elk.algorithm': 'layered',
  'elk.direction': 'RIGHT',
  'elk.edgeRouting': 'POLYLINE',
  'elk.spacing.nodeNode': '14',
  'elk.layered.spacing.nodeNodeBetweenLayers': '80',
};
const QUICK = {
  'elk.layered.thoroughness': '1',
  'elk.layered.nodePlacement.strategy': 'SIMPLE',
  'elk.layered.layering.strategy': 'LONGEST_PATH',
};

let elk: InstanceType<typeof ELK> | undefined;

/** Where each box is: data flows to the right. Worked out beside the page, which stays usable. */
export async function layOut(nodes: readonly GraphNode[], edges: readonly GraphEdge[]): Promise<Box[]> {
  elk ??= new ELK({ workerUrl: '/page/elk-worker.min.js' });
  const height = ({ columns }: GraphNode): number =>
    HEIGHT + LINE * Math.min(columns.length, SHOWN_COLUMNS + 1);
  const graph: ElkNode = {
    id: 'all',
    layoutOptions: { ...COMMON, ...(nodes.length > MANY ? QUICK : {}) },
    children: nodes.map((node, i) => ({ id: `n${i}`, width: WIDTH, height: height(node) })),
    edges: edgesOf(nodes, edges),
  };
  const { children = [] } = await elk.layout(graph);
  return children.map(({ x = 0, y = 0 }, i) => {
    const node = nodes[i]!;
    return { node, x, y, width: WIDTH, height: height(node) };
  });
}

function edgesOf(nodes: readonly GraphNode[], edges: readonly GraphEdge[]): NonNullable<ElkNode['edges']> {
  const ids = new Map(nodes.map(({ urn }, i) => [urn, `n${i}`]));
  return edges.flatMap(({ from, to }, i) => {
    const [source, target] = [ids.get(from), ids.get(to)];
    return source && target ? [{ id: `e${i}`, sources: [source], targets: [target] }] : [];
  });
}
