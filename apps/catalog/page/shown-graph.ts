import type { Graph, GraphEdge, GraphNode } from '../src/view/types';

/** A graph of which a part is shown: some nodes are collapsed, and what is only behind them is hidden. */
export class ShownGraph {
  readonly root: string;
  isCut: boolean;
  private readonly nodes = new Map<string, GraphNode>();
  private readonly edges = new Map<string, GraphEdge>();
  private readonly collapsed = new Set<string>();

  constructor({ root, nodes, edges, isCut }: Graph) {
    this.root = root;
    this.isCut = isCut;
    for (const node of nodes) this.nodes.set(node.urn, node);
    for (const edge of edges) this.edges.set(`${edge.from} ${edge.to}`, edge);
  }

  degreeOf = (urn: string): number => this.nodes.get(urn)?.degree ?? 0;
  isCollapsed = (urn: string): boolean => this.collapsed.has(urn);

  toggle(urn: string): void {
    if (!this.collapsed.delete(urn)) this.collapsed.add(urn);
  }

  /** What is further than a node, asked for by itself: it is counted from there. */
  add(urn: string, { nodes, edges, isCut }: Graph): void {
    const start = this.nodes.get(urn)!;
    const side = start.degree < 0 ? -1 : 1;
    this.nodes.set(urn, { ...start, hidden: 0 });
    for (const node of nodes)
      if (!this.nodes.has(node.urn))
        this.nodes.set(node.urn, { ...node, degree: start.degree + side * Math.abs(node.degree) });
    for (const edge of edges) this.edges.set(`${edge.from} ${edge.to}`, edge);
    this.isCut ||= isCut;
  }

  /** From the root along the flow, not past what is collapsed. */
  get shown(): { nodes: GraphNode[]; edges: GraphEdge[] } {
    const reached = new Set([this.root]);
    for (const side of [1, -1]) {
      const next = new Map<string, string[]>();
      for (const { from, to } of this.edges.values()) {
        const [near, far] = side > 0 ? [from, to] : [to, from];
        next.set(near, [...(next.get(near) ?? []), far]);
      }
      const isOnSide = (urn: string): boolean => this.degreeOf(urn) * side > 0;
      let front = [this.root];
      while (front.length > 0) {
        const open = front.filter((urn) => !this.collapsed.has(urn));
        const found = open
          .flatMap((urn) => next.get(urn) ?? [])
          .filter((urn) => isOnSide(urn) && !reached.has(urn));
        front = [...new Set(found)];
        for (const urn of front) reached.add(urn);
      }
    }
    return {
      nodes: [...this.nodes.values()].filter(({ urn }) => reached.has(urn)),
      edges: [...this.edges.values()].filter(({ from, to }) => reached.has(from) && reached.has(to)),
    };
  }

  /** Whether more follows a node, away from the root. */
  leads({ urn, degree }: GraphNode): boolean {
    const isFurther = (other: string): boolean => {
      const there = this.degreeOf(other);
      return degree >= 0 ? there > degree : there < degree;
    };
    return [...this.edges.values()].some(({ from, to }) => {
      const [near, far] = degree >= 0 ? [from, to] : [to, from];
      return near === urn && isFurther(far);
    });
  }
}
