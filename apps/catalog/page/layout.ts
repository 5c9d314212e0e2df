import ELK, { type ElkNode } from 'elkjs/lib/elk-api.js';
import type { GraphEdge, GraphNode } from '../src/view/types';

export interface Box {
  node: GraphNode;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A line from box to box, through points. */
export interface Route {
  from: string;
  to: string;
  points: { x: number; y: number }[];
}

/** Columns that a box names; the rest is a number. */
export const SHOWN_COLUMNS = 8;
const [WIDTH, HEIGHT, LINE, GAP] = [240, 46, 18, 80];
/** From a box to the next layer's. */
export const STEP = WIDTH + GAP;
/** From as many on, speed counts more than the fewest crossings. */
const MANY = 300;

const COMMON = {
  'elk.algorithm': 'layered',
  'elk.direction': 'RIGHT',
  'elk.edgeRouting': 'POLYLINE',
  'elk.spacing.nodeNode': '14',
  'elk.layered.spacing.nodeNodeBetweenLayers': String(GAP),
};
const QUICK = {
  'elk.layered.thoroughness': '1',
  'elk.layered.nodePlacement.strategy': 'SIMPLE',
  'elk.layered.layering.strategy': 'LONGEST_PATH',
};

let elk: InstanceType<typeof ELK> | undefined;

/** Where each box and each line is: data flows to the right. Worked out beside the page, which stays usable. */
export async function layOut(
  nodes: readonly GraphNode[],
  edges: readonly GraphEdge[],
): Promise<{ boxes: Box[]; routes: Route[] }> {
  elk ??= new ELK({ workerUrl: '/page/elk-worker.min.js' });
  const height = ({ columns }: GraphNode): number =>
    HEIGHT + LINE * Math.min(columns.length, SHOWN_COLUMNS + 1);
  const ids = new Map(nodes.map(({ urn }, i) => [urn, `n${i}`]));
  const known = edges.filter(({ from, to }) => ids.has(from) && ids.has(to));
  const graph: ElkNode = {
    id: 'all',
    layoutOptions: { ...COMMON, ...(nodes.length > MANY ? QUICK : {}) },
    children: nodes.map((node, i) => ({ id: `n${i}`, width: WIDTH, height: height(node) })),
    edges: known.map(({ from, to }, i) => ({
      id: `e${i}`,
      sources: [ids.get(from)!],
      targets: [ids.get(to)!],
    })),
  };
  const placed = await elk.layout(graph);
  const boxes = (placed.children ?? []).map(({ x = 0, y = 0 }, i) => {
    const node = nodes[i]!;
    return { node, x, y, width: WIDTH, height: height(node) };
  });
  const routes = (placed.edges ?? []).map(({ sections = [] }, i) => ({
    ...known[i]!,
    points: sections.flatMap(({ startPoint, bendPoints = [], endPoint }) => [
      startPoint,
      ...bendPoints,
      endPoint,
    ]),
  }));
  return { boxes, routes };
}
