import type { Relationships } from '../store/relationships';

export interface Reached {
  urn: string;
  degree: number;
  /** From where it began, both ends are in it. */
  path: string[];
}

/** What is reached along the flow of data, the nearest first, each by one of the shortest ways. */
export async function lineageOf(
  relationships: Relationships,
  urn: string,
  direction: 'UPSTREAM' | 'DOWNSTREAM',
  depth: number,
): Promise<Reached[]> {
  const { nodes, edges } = await relationships.lineage(urn, direction, depth);
  const degrees = new Map(nodes.map((node) => [node.urn, node.degree]));
  const before = new Map<string, string>();
  for (const { from, to } of edges) {
    const [near, far] = direction === 'UPSTREAM' ? [to, from] : [from, to];
    if ((degrees.get(near) ?? 0) < (degrees.get(far) ?? 0) && !before.has(far)) before.set(far, near);
  }
  const pathTo = (one: string): string[] => {
    const path = [one];
    for (let at = before.get(one); at !== undefined; at = before.get(at)) path.unshift(at);
    return path;
  };
  return nodes
    .filter((node) => node.urn !== urn)
    .map(({ urn: one, degree }) => ({ urn: one, degree, path: pathTo(one) }));
}
