import { type Next, more, pageOf, paged, tool, unknown } from '@stack/mcp';
import { z } from 'zod';
import { type Node, manifestOf } from './artefacts';
import { downstream, graphOf, isTest, modelNamed, nameOf } from './graph';
import { compiledOf, isPublished, modelName, refOf, refShape } from './project';

export const dbtImpact = tool({
  name: 'dbt_impact',
  title: 'What a change of a model touches',
  description:
    'All that depends on a model or source, directly or by others: models, tests, exposures (dashboards, applications), counted by type. ' +
    'Take it before a change, or to see what a failure holds up. With `column` it marks those whose SQL, columns or tests name that column; ' +
    'which columns are really computed from it is in catalog_lineage.',
  input: z.object({
    model: modelName,
    column: z.string().min(1).max(200).optional().describe('a column of it'),
    depth: z.number().int().min(1).max(50).default(50).describe('steps at most; 1: only what reads it directly'),
    ...paged,
  }),
  output: z.object({
    ...refShape.shape,
    counts: z.record(z.string(), z.number()).describe('by type: {"model": 5, "test": 20, "exposure": 3}'),
    affected: z.array(
      refShape.extend({
        distance: z.number().describe('steps from the model'),
        published: z.boolean(),
        url: z.string().optional().describe('of a dashboard'),
        namesColumn: z.boolean().optional().describe('its SQL, columns or tests have the column’s name'),
      }),
    ),
    ...more,
  }),
  run: async ({ model, column, depth, limit, cursor }, context) => {
    const graph = graphOf(await manifestOf(context));
    const node = modelNamed(graph, model);
    if (column !== undefined) checkColumn(node, column);
    const found = downstream(graph, node.unique_id, depth);
    const counts: Record<string, number> = {};
    for (const { node: one } of found) counts[one.resource_type] = (counts[one.resource_type] ?? 0) + 1;
    const kinds = ['exposure', 'model', 'snapshot', 'seed', 'test', 'unit_test'];
    const rank = (one: Node) => kinds.indexOf(one.resource_type);
    const sorted = [...found].sort(
      (a, b) => rank(a.node) - rank(b.node) || a.distance - b.distance || (a.node.name < b.node.name ? -1 : 1),
    );
    const naming = new Set<string>();
    if (column !== undefined)
      for (const { node: one } of sorted) {
        context.signal.throwIfAborted();
        // a macro may write the column's name, so what was compiled counts too
        if (namesColumn(one, column, await compiledOf(context, one))) naming.add(one.unique_id);
      }
    const named = (tests: boolean) =>
      sorted.filter(({ node: one }) => naming.has(one.unique_id) && isTest(one) === tests).length;
    const { entries, total, nextCursor } = pageOf(sorted, { limit, cursor });
    const again = { model, ...(column && { column }), depth, limit };
    const next: Next[] = [
      ...(nextCursor ? [{ tool: 'dbt_impact', arguments: { ...again, cursor: nextCursor }, why: 'more of them' }] : []),
      ...(column
        ? [{ tool: 'catalog_search', arguments: { query: node.alias ?? node.name, type: 'dataset' }, why: 'its URN, for the lineage of the column' }]
        : []),
      { tool: 'dbt_tests', arguments: { model: node.unique_id }, why: 'what guards it' },
      { tool: 'dbt_model_show', arguments: { model: node.unique_id }, why: 'what it is' },
    ];
    const told = kinds.filter((kind) => counts[kind]).map((kind) => `${counts[kind]} ${kind.replace('_', ' ')}${counts[kind] === 1 ? '' : 's'}`);
    return {
      text:
        (found.length === 0 ? `Nothing depends on ${nameOf(node)}.` : `On ${nameOf(node)} depend ${told.join(', ')}.`) +
        (column === undefined ? '' : ` ${named(false)} models and ${named(true)} tests name the column.`),
      data: {
        ...refOf(node),
        counts,
        affected: entries.map(({ node: one, distance }) => ({
          ...refOf(one),
          distance,
          published: isPublished(one, graph),
          ...(one.url && { url: one.url }),
          ...(column !== undefined && { namesColumn: naming.has(one.unique_id) }),
        })),
        total,
        ...(nextCursor && { nextCursor }),
      },
      next,
    };
  },
});

/** @throws ToolError when a model with documented columns has none of this name */
function checkColumn(node: Node, column: string): void {
  const known = Object.keys(node.columns ?? {});
  const inCode = node.raw_code !== undefined && new RegExp(`\\b${escaped(column)}\\b`, 'i').test(node.raw_code);
  if (known.length === 0 || inCode || known.some((one) => one.toLowerCase() === column.toLowerCase())) return;
  throw unknown('column', column, known, `dbt_model_show lists those of ${nameOf(node)}`);
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Whether a node's SQL, as written or compiled, its columns or what it tests have a column's name. */
export function namesColumn(node: Node, column: string, compiled = ''): boolean {
  const word = new RegExp(`(?<![A-Za-z0-9_])${escaped(column)}(?![A-Za-z0-9_])`, 'i');
  return (
    node.column_name?.toLowerCase() === column.toLowerCase() ||
    Object.keys(node.columns ?? {}).some((one) => one.toLowerCase() === column.toLowerCase()) ||
    word.test(node.raw_code ?? '') ||
    word.test(compiled) ||
    word.test(JSON.stringify(node.test_metadata?.kwargs ?? ''))
  );
}
