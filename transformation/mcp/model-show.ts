import { type Next, type ToolContext, tool } from '@stack/mcp';
import { z } from 'zod';
import type { Node } from './artefacts';
import { isTest, modelNamed, testsOf } from './graph';
import {
  CODE,
  NOT_RUN,
  codeOf,
  codeShape,
  compiledOf,
  isPublished,
  modelName,
  project,
  refOf,
  refShape,
  resultShape,
} from './project';
import { STATUSES } from './results';

/** Columns, tests and neighbours of a model in an answer. */
const [COLUMNS, NEIGHBOURS] = [300, 100];

const details = z.object({
  ...refShape.shape,
  description: z.string(),
  path: z.string().describe('file of the project'),
  package: z.string(),
  relation: z.string().optional().describe('its table or view in the warehouse'),
  materialised: z.string().optional(),
  tags: z.array(z.string()),
  published: z.boolean(),
  settings: z
    .record(z.string(), z.unknown())
    .describe('of its configuration what isn’t usual: unique key, incremental strategy, index'),
  columns: z.array(
    z.object({
      name: z.string(),
      description: z.string(),
      type: z.string().optional(),
      tests: z.array(z.string()).describe('names of its tests: dbt_test_show'),
    }),
  ),
  columnsTotal: z.number().describe('documented columns; stack://dbt/models/{model} has all, however many'),
  tests: z.array(z.object({ test: z.string(), column: z.string().optional(), status: z.enum(STATUSES) })),
  testsTotal: z.number(),
  dependsOn: z.array(refShape),
  dependants: z.array(refShape).describe('what reads it directly, tests left out; all is in dbt_impact'),
  dependantsTotal: z.number(),
  raw: codeShape.optional().describe('as it is written, with Jinja'),
  compiled: codeShape.optional().describe('as dbt last ran it; left out: it hasn’t yet'),
  lastRun: resultShape,
  exposure: z
    .object({ kind: z.string(), label: z.string().optional(), url: z.string().optional(), owner: z.string().optional() })
    .optional(),
});
export type ModelDetails = z.output<typeof details>;

/** What a configuration says beyond the usual. */
function settingsOf({ config = {} }: Node): Record<string, unknown> {
  const wanted = ['unique_key', 'incremental_strategy', 'on_schema_change', 'partition_by', 'cluster_by', 'strategy', 'meta', 'group', 'access'];
  return Object.fromEntries(
    wanted
      .map((key) => [key, config[key]] as const)
      .filter(([key, value]) => {
        if (value === null || value === undefined || value === '') return false;
        if (key === 'access' && value === 'protected') return false;
        if (key === 'on_schema_change' && config.materialized !== 'incremental') return false;
        return typeof value !== 'object' || Object.keys(value).length > 0;
      }),
  );
}

export async function describe(
  context: ToolContext,
  node: Node,
  { graph, results }: Awaited<ReturnType<typeof project>>,
  { codeFrom = 0, whole = false } = {},
): Promise<ModelDetails> {
  const tests = testsOf(graph, node.unique_id);
  const status = (one: Node) => results.get(one.unique_id)?.status ?? NOT_RUN.status;
  const known = (ids: readonly string[] = []) => ids.flatMap((id) => graph.all.get(id) ?? []);
  const dependants = known(graph.children.get(node.unique_id)).filter((one) => !isTest(one));
  const compiled = await compiledOf(context, node);
  const most = (count: number) => (whole ? Infinity : count);
  const columns = Object.values(node.columns ?? {});
  const owner = [node.owner?.name, typeof node.owner?.email === 'string' ? node.owner.email : undefined];
  const { raw_code: raw } = node;
  return {
    ...refOf(node),
    description: node.description ?? '',
    path: node.original_file_path,
    package: node.package_name,
    ...(node.relation_name && { relation: node.relation_name }),
    ...(node.config?.materialized ? { materialised: String(node.config.materialized) } : {}),
    tags: [...(node.tags ?? [])],
    published: isPublished(node, graph),
    settings: settingsOf(node),
    columns: columns.slice(0, most(COLUMNS)).map((column) => ({
      name: column.name,
      description: column.description ?? '',
      ...(column.data_type && { type: column.data_type }),
      tests: tests.filter((one) => one.column_name === column.name).map(({ name }) => name),
    })),
    columnsTotal: columns.length,
    tests: tests.slice(0, most(COLUMNS)).map((one) => ({
      test: one.name,
      ...(one.column_name && { column: one.column_name }),
      status: status(one),
    })),
    testsTotal: tests.length,
    dependsOn: known(node.depends_on?.nodes).map(refOf),
    dependants: dependants.slice(0, most(NEIGHBOURS)).map(refOf),
    dependantsTotal: dependants.length,
    ...(raw && { raw: codeOf(raw, codeFrom, most(CODE)) }),
    ...(compiled !== undefined && { compiled: codeOf(compiled, codeFrom, most(CODE)) }),
    lastRun: results.get(node.unique_id) ?? NOT_RUN,
    ...(node.resource_type === 'exposure' && {
      exposure: {
        kind: node.type ?? 'exposure',
        ...(node.label && { label: node.label }),
        ...(node.url && { url: node.url }),
        ...(owner.some(Boolean) && { owner: owner.filter(Boolean).join(' ') }),
      },
    }),
  };
}

export const dbtModelShow = tool({
  name: 'dbt_model_show',
  title: 'One model of the dbt project',
  description:
    'All that the dbt project says of one model, source, seed, snapshot or exposure: what it and its columns mean, its SQL as written and as run, its tests, ' +
    'what it reads and what reads it directly, how it ended when it last ran. Take it for "what is this number" and "why did it fail". Its rows are in data_sample.',
  input: z.object({
    model: modelName,
    codeFrom: z
      .number()
      .int()
      .min(0)
      .max(10_000_000)
      .default(0)
      .describe('character from which on the SQL is given, when an answer had it truncated'),
  }),
  output: details,
  run: async ({ model, codeFrom }, context) => {
    const all = await project(context);
    const node = modelNamed(all.graph, model);
    const data = await describe(context, node, all, { codeFrom });
    return { text: textOf(data), data, next: nextOf(data, node, codeFrom) };
  },
});

function textOf(data: ModelDetails): string {
  const { type, name, columnsTotal, testsTotal, tests, dependsOn, dependantsTotal, lastRun, materialised } = data;
  const failing = tests.filter(({ status }) => status === 'failed').map(({ test }) => test);
  const ran = ['source', 'exposure'].includes(type)
    ? ''
    : lastRun.status === 'not_run'
      ? ' Nothing is known of a run of it.'
      : ` When it last ran it was ${lastRun.status}${lastRun.at ? ` (${lastRun.at})` : ''}.`;
  return (
    `${name}: ${type}${materialised ? `, ${materialised}` : ''}; ${columnsTotal} columns, ${testsTotal} tests; reads ${dependsOn.length}, read by ${dependantsTotal}.${ran}` +
    (failing.length > 0 ? ` Failing tests: ${failing.slice(0, 20).join(', ')}.` : '')
  );
}

function nextOf(data: ModelDetails, node: Node, codeFrom: number): Next[] {
  const { name, uniqueId, published, tests, lastRun, dependsOn } = data;
  const failing = tests.find(({ status }) => status === 'failed');
  const cut = data.raw?.truncated ?? data.compiled?.truncated;
  return [
    ...(failing ? [{ tool: 'dbt_test_show', arguments: { test: failing.test }, why: 'why it fails' }] : []),
    ...(lastRun.status === 'failed' || lastRun.status === 'skipped'
      ? [{ tool: 'runs_list', arguments: { status: 'failed' }, why: 'the run in which it failed, with its log' }]
      : []),
    ...(lastRun.status === 'skipped'
      ? [{ tool: 'dbt_tests', arguments: { status: 'failed' }, why: 'what failed before it, so that it was skipped' }]
      : []),
    ...(published ? [{ tool: 'data_describe', arguments: { table: node.alias ?? name }, why: 'its rows and columns as published' }] : []),
    { tool: 'dbt_impact', arguments: { model: uniqueId }, why: 'all that depends on it' },
    ...(dependsOn[0]
      ? [{ tool: 'dbt_model_show', arguments: { model: dependsOn[0].uniqueId }, why: 'the first that it reads' }]
      : []),
    ...(cut
      ? [{ tool: 'dbt_model_show', arguments: { model: uniqueId, codeFrom: codeFrom + CODE }, why: 'more of its SQL' }]
      : []),
  ];
}

