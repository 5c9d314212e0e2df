/** What the tools have in common: the project with its results, and how parts of it are told. */
import { readFile } from 'node:fs/promises';
import type { ToolContext } from '@stack/mcp';
import { z } from 'zod';
import { type Node, manifestOf } from './artefacts';
import { type Graph, graphOf, nameOf } from './graph';
import { type Result, STATUSES, madeFiles, resultsOf } from './results';

export const modelName = z
  .string()
  .min(1)
  .max(300)
  .describe('name, "fct_flights", of a source "raw.flights"; or dbt’s unique id');

export const resultShape = z.object({
  status: z.enum(STATUSES).describe('not_run: nothing is known of a run of it'),
  at: z.string().optional().describe('ISO 8601, UTC; left out for what was skipped'),
  seconds: z.number().optional(),
  rows: z.number().optional().describe('rows that it wrote, if dbt’s adapter says so'),
  failures: z.number().optional().describe('rows that a test found'),
  message: z.string().optional().describe('what dbt said, when it failed or warned'),
  source: z
    .enum(['dbt.log', 'run_results.json'])
    .optional()
    .describe('what tells it; the pipeline writes no run_results.json'),
});

export const NOT_RUN = { status: 'not_run' } as const;

/** The project, and what became of each of its nodes. */
export async function project(
  context: ToolContext,
): Promise<{ graph: Graph; results: ReadonlyMap<string, Result> }> {
  const graph = graphOf(await manifestOf(context));
  return { graph, results: await resultsOf(context, graph) };
}

export const refShape = z.object({ uniqueId: z.string(), name: z.string(), type: z.string() });
export const refOf = (node: Node): z.output<typeof refShape> => ({
  uniqueId: node.unique_id,
  name: nameOf(node),
  type: node.resource_type,
});

/** Whether readers get it: tagged `publish`, or in a project that tags none, a table. As transformation/dbt.py has it. */
export function isPublished(node: Node, { all }: Graph): boolean {
  if (node.resource_type !== 'model') return false;
  const tagged = [...all.values()].some(
    (one) => one.resource_type === 'model' && one.tags?.includes('publish') === true,
  );
  if (tagged) return node.tags?.includes('publish') === true;
  return ['table', 'incremental'].includes(String(node.config?.materialized));
}


/** Characters of SQL in an answer. */
export const CODE = 20_000;

export const codeShape = z.object({
  text: z.string(),
  total: z.number().describe('characters of all of it'),
  truncated: z.literal(true).optional().describe('there is more: ask again with a higher codeFrom'),
});

export function codeOf(text: string, from: number, most = CODE): z.output<typeof codeShape> {
  const part = text.slice(from, from + most);
  return { text: part, total: text.length, ...(from + part.length < text.length && { truncated: true as const }) };
}

export async function compiledOf(context: ToolContext, node: Node): Promise<string | undefined> {
  for (const file of madeFiles(context, node, 'compiled')) {
    const found = await readFile(file, 'utf8').catch(() => undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

