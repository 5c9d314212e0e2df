import { type Next, more, pageOf, paged, tool } from '@stack/mcp';
import { z } from 'zod';
import type { Node } from './artefacts';
import { MODELS, isModel, nameOf, testsOf } from './graph';
import { NOT_RUN, isPublished, project, refOf } from './project';
import { STATUSES } from './results';

const listed = z.object({
  name: z.string(),
  uniqueId: z.string(),
  type: z.string(),
  materialised: z.string().optional(),
  tags: z.array(z.string()),
  published: z.boolean().describe('readers have it: data_describe'),
  tests: z.number(),
  failing: z.number().describe('of its tests'),
  status: z.enum(STATUSES).describe('how it ended when it last ran; sources and exposures never do'),
  path: z.string(),
});

export const dbtModels = tool({
  name: 'dbt_models',
  title: 'Models of the dbt project',
  description:
    'Models, seeds, snapshots, sources and exposures (dashboards) of the dbt project: how each is materialised, whether it is published, how its last run and its tests ended. ' +
    'Take it to find what makes a table, also one that is not published. One of them whole is in dbt_model_show.',
  input: z.object({
    search: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe('only those with this in name, tag, path, description or a column’s name'),
    resourceType: z.enum(MODELS).optional().describe('only these'),
    ...paged,
  }),
  output: z.object({ models: z.array(listed), ...more }),
  run: async ({ search, resourceType, limit, cursor }, context) => {
    const { graph, results } = await project(context);
    const word = search?.toLowerCase();
    const isFound = (node: Node): boolean =>
      !word ||
      [
        nameOf(node),
        node.original_file_path,
        node.description ?? '',
        ...(node.tags ?? []),
        ...Object.keys(node.columns ?? {}),
      ].some((one) => one.toLowerCase().includes(word));
    const order = (node: Node): string => `${MODELS.indexOf(node.resource_type as 'model')} ${nameOf(node)}`;
    const found = [...graph.all.values()]
      .filter((node) => isModel(node) && (!resourceType || node.resource_type === resourceType) && isFound(node))
      .sort((a, b) => (order(a) < order(b) ? -1 : 1));
    const { entries, total, nextCursor } = pageOf(found, { limit, cursor });
    const models = entries.map((node) => {
      const tests = testsOf(graph, node.unique_id);
      return {
        ...refOf(node),
        ...(node.config?.materialized ? { materialised: String(node.config.materialized) } : {}),
        tags: [...(node.tags ?? [])],
        published: isPublished(node, graph),
        tests: tests.length,
        failing: tests.filter((one) => results.get(one.unique_id)?.status === 'failed').length,
        status: results.get(node.unique_id)?.status ?? NOT_RUN.status,
        path: node.original_file_path,
      };
    });
    const troubled = models.filter((one) => one.failing > 0 || one.status === 'failed');
    const shown = troubled[0] ?? models[0];
    const next: Next[] = [
      ...(shown ? [{ tool: 'dbt_model_show', arguments: { model: shown.uniqueId }, why: `all of ${shown.name}` }] : []),
      ...(troubled[0]
        ? [{ tool: 'dbt_tests', arguments: { model: troubled[0].uniqueId, status: 'failed' }, why: 'what failed' }]
        : []),
      ...(total === 0 && search ? [{ tool: 'dbt_models', arguments: {}, why: 'all of them' }] : []),
      ...(nextCursor
        ? [
            {
              tool: 'dbt_models',
              arguments: { ...(search && { search }), ...(resourceType && { resourceType }), limit, cursor: nextCursor },
              why: 'more of them',
            },
          ]
        : []),
    ];
    return {
      text:
        `${total} ${resourceType ? `${resourceType}s` : 'models, sources, seeds, snapshots and exposures'}${search ? ' fit' : ''}, ${models.length} are here.` +
        (troubled.length > 0 ? ` With trouble: ${troubled.map((one) => one.name).slice(0, 20).join(', ')}.` : ''),
      data: { models, total, ...(nextCursor && { nextCursor }) },
      next,
    };
  },
});

