import * as path from 'node:path';
import { type Next, type ToolContext, more, pageOf, paged, tool } from '@stack/mcp';
import { z } from 'zod';
import type { Node } from './artefacts';
import { type Graph, isTest, modelNamed, nameOf, testNamed, testedBy, testsOf } from './graph';
import { NOT_RUN, codeOf, codeShape, compiledOf, isPublished, modelName, project, refOf, refShape, resultShape } from './project';
import { type Result, STATUSES, madeFiles } from './results';

const listed = z.object({
  test: z.string(),
  uniqueId: z.string(),
  model: z.string().optional().describe('what it is about'),
  column: z.string().optional(),
  kind: z.string().describe('"not_null", "relationships" …; singular: SQL of the project’s own; unit_test'),
  severity: z.enum(['error', 'warn']).describe('error: the pipeline publishes nothing when it fails'),
  ...resultShape.shape,
  compiledPath: z.string().optional().describe('its SQL, below dbt’s target folder; dbt_test_show has it'),
});

function testOf(context: ToolContext, node: Node, graph: Graph, result: Result | undefined): z.output<typeof listed> {
  const model = graph.all.get(testedBy(node) ?? '');
  const { status = NOT_RUN.status, ...rest } = result ?? {};
  const [file] = madeFiles(context, node, 'compiled');
  return {
    test: node.name,
    uniqueId: node.unique_id,
    ...(model && { model: nameOf(model) }),
    ...(node.column_name && { column: node.column_name }),
    kind: kindOf(node),
    severity: String(node.config?.severity ?? 'error').toLowerCase() === 'warn' ? 'warn' : 'error',
    status,
    ...rest,
    ...(result && result.status !== 'skipped' && file && { compiledPath: path.relative(context.env.TARGET ?? '', file) }),
  };
}

function kindOf({ resource_type: type, test_metadata: of }: Node): string {
  if (type === 'unit_test') return 'unit_test';
  if (!of) return 'singular';
  return of.namespace ? `${of.namespace}.${of.name}` : of.name;
}

export const dbtTests = tool({
  name: 'dbt_tests',
  title: 'Tests of the dbt project',
  description:
    'dbt’s tests and how each ended when it last ran: which failed, with how many rows and what dbt said. Failed ones come first. ' +
    'Take it for "which check failed"; one test with its SQL is in dbt_test_show. Great Expectations’ checks are in quality_results. ' +
    'Unit tests are run by developers only, so they are not_run here.',
  input: z.object({
    model: modelName.optional().describe('only tests of this one'),
    status: z.enum(STATUSES).optional().describe('only those that ended so; skipped: what it reads had failed'),
    ...paged,
  }),
  output: z.object({
    tests: z.array(listed),
    counts: z.record(z.string(), z.number()).describe('of all that fit but for `status`, by status'),
    ...more,
  }),
  run: async ({ model, status, limit, cursor }, context) => {
    const { graph, results } = await project(context);
    const node = model === undefined ? undefined : modelNamed(graph, model);
    const all = node ? testsOf(graph, node.unique_id) : [...graph.all.values()].filter(isTest);
    const statusOf = (one: Node) => results.get(one.unique_id)?.status ?? NOT_RUN.status;
    const order = ['failed', 'warned', 'skipped', 'not_run', 'passed'];
    const rank = (one: Node): string => `${order.indexOf(statusOf(one))} ${one.name}`;
    const counts: Record<string, number> = {};
    for (const one of all) counts[statusOf(one)] = (counts[statusOf(one)] ?? 0) + 1;
    const found = all.filter((one) => !status || statusOf(one) === status).sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
    const { entries, total, nextCursor } = pageOf(found, { limit, cursor });
    const tests = entries.map((one) => testOf(context, one, graph, results.get(one.unique_id)));
    const failed = tests.filter((one) => one.status === 'failed');
    const shown = failed[0] ?? tests.find((one) => one.status === 'warned');
    const next: Next[] = [
      ...(shown
        ? [{ tool: 'dbt_test_show', arguments: { test: shown.uniqueId }, why: 'its SQL, and what dbt said' }]
        : []),
      ...(failed.length > 0
        ? [{ tool: 'runs_list', arguments: { status: 'failed' }, why: 'the run in which it failed' }]
        : []),
      ...(!shown && (counts.failed ?? 0) > 0
        ? [{ tool: 'dbt_tests', arguments: { ...(model && { model }), status: 'failed' }, why: 'those that failed' }]
        : []),
      ...(all.length > 0 && all.every((one) => statusOf(one) === 'not_run')
        ? [{ tool: 'runs_list', arguments: {}, why: 'whether the pipeline has run at all' }]
        : []),
      ...(nextCursor
        ? [
            {
              tool: 'dbt_tests',
              arguments: { ...(model && { model }), ...(status && { status }), limit, cursor: nextCursor },
              why: 'more tests',
            },
          ]
        : []),
    ];
    const told = Object.entries(counts).map(([one, n]) => `${n} ${one}`);
    return {
      text: `${all.length} tests${node ? ` of ${nameOf(node)}` : ''}${told.length > 0 ? `: ${told.join(', ')}` : ''}.${
        status ? ` ${total} of them ${status}.` : ''
      }${failed.length > 0 ? ` Failed: ${failed.map((one) => one.test).slice(0, 10).join(', ')}.` : ''}`,
      data: { tests, counts, total, ...(nextCursor && { nextCursor }) },
      next,
    };
  },
});

export const dbtTestShow = tool({
  name: 'dbt_test_show',
  title: 'One test of the dbt project',
  description:
    'One dbt test: what it is about, its SQL as run, how it ended and what dbt said. Take it after dbt_tests, for what a failed test looks for. ' +
    'dbt keeps no rows of a failed test; the SQL finds them in the warehouse.',
  input: z.object({ test: z.string().min(1).max(500).describe('name or unique id, as dbt_tests has them') }),
  output: z.object({
    ...listed.shape,
    description: z.string(),
    path: z.string().describe('file of the project that has it'),
    arguments: z.record(z.string(), z.unknown()).describe('what a generic test was given'),
    reads: z.array(refShape),
    raw: codeShape.optional(),
    compiled: codeShape
      .optional()
      .describe('left out: it hasn’t run. Truncated: all of it is in the file compiledPath'),
  }),
  run: async ({ test }, context) => {
    const { graph, results } = await project(context);
    const node = testNamed(graph, test);
    const result = results.get(node.unique_id);
    const compiled = await compiledOf(context, node);
    const listedAs = testOf(context, node, graph, result);
    const { model: _model, ...given } = node.test_metadata?.kwargs ?? {};
    const reads = (node.depends_on?.nodes ?? []).flatMap((id) => graph.all.get(id) ?? []);
    const data = {
      ...listedAs,
      description: node.description ?? '',
      path: node.original_file_path,
      arguments: given,
      reads: reads.map(refOf),
      // of a generic test it is only the call of a macro
      ...(node.raw_code && !node.test_metadata && { raw: codeOf(node.raw_code, 0) }),
      ...(compiled !== undefined && { compiled: codeOf(compiled, 0) }),
    };
    return {
      text:
        `${node.name} (${data.kind}${data.model ? `, of ${data.model}${data.column ? `.${data.column}` : ''}` : ''}): ${data.status}` +
        `${data.failures === undefined ? '' : `, ${data.failures} rows`}${data.at ? `, ${data.at}` : ''}.` +
        (data.status === 'failed' && data.severity === 'error' ? ' Nothing was published by that run.' : ''),
      data,
      next: nextOf(node, data.status, reads, graph, compiled),
    };
  },
});

function nextOf(node: Node, status: string, reads: readonly Node[], graph: Graph, compiled?: string): Next[] {
  const about = graph.all.get(testedBy(node) ?? '');
  // what a failed run found was never published: only rows that passed with a warning are there
  const sql = status === 'warned' && compiled ? onSnapshot(compiled, reads, graph) : undefined;
  return [
    ...(status === 'failed'
      ? [
          { tool: 'runs_list', arguments: { status: 'failed' }, why: 'the run in which it failed; run_show and run_logs go on from there' },
        ]
      : []),
    ...(status === 'skipped'
      ? [{ tool: 'dbt_tests', arguments: { status: 'failed' }, why: 'what failed before it' }]
      : []),
    ...(sql ? [{ tool: 'data_query', arguments: { sql }, why: 'the rows that it found, in the published snapshot' }] : []),
    ...(about
      ? [
          { tool: 'dbt_model_show', arguments: { model: about.unique_id }, why: 'the model that it is about' },
          ...(node.column_name && isPublished(about, graph)
            ? [
                {
                  tool: 'data_profile',
                  arguments: { table: about.alias ?? about.name, column: node.column_name },
                  why: 'the values that readers have: those of the last run that passed',
                },
              ]
            : []),
          ...(status === 'failed'
            ? [{ tool: 'dbt_impact', arguments: { model: about.unique_id }, why: 'what is held up by it' }]
            : []),
        ]
      : []),
  ];
}

/** The SQL with names of the warehouse's tables as the snapshot has them; undefined when one of them isn't published. */
export function onSnapshot(sql: string, reads: readonly Node[], graph: Graph): string | undefined {
  if (!reads.every((node) => node.relation_name && isPublished(node, graph))) return undefined;
  return reads.reduce((text, node) => text.replaceAll(node.relation_name!, `"${node.alias ?? node.name}"`), sql);
}

