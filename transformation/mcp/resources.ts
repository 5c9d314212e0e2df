import type { PromptSpec, ResourceSpec, ToolContext } from '@stack/mcp';
import { manifestOf } from './artefacts';
import { graphOf, isModel, isTest, modelNamed, nameOf } from './graph';
import { describe } from './model-show';
import { isPublished, project } from './project';

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const modelNames = async (context: ToolContext): Promise<string[]> =>
  [...graphOf(await manifestOf(context)).all.values()].filter(isModel).map(nameOf).sort();

export const resources: readonly ResourceSpec[] = [
  {
    name: 'dbt_manifest',
    title: 'The dbt project',
    description: 'The dbt project in short: versions, numbers of models and tests by type and result, all models with what they read',
    uri: 'stack://dbt/manifest',
    mimeType: 'application/json',
    changesWith: ['runs'],
    read: async (_variables, context) => {
      const { metadata } = await manifestOf(context);
      const { graph, results } = await project(context);
      const counts: Record<string, number> = {};
      const outcomes: Record<string, number> = {};
      for (const node of graph.all.values()) {
        counts[node.resource_type] = (counts[node.resource_type] ?? 0) + 1;
        if (!isTest(node)) continue;
        const status = results.get(node.unique_id)?.status ?? 'not_run';
        outcomes[status] = (outcomes[status] ?? 0) + 1;
      }
      return json({
        project: metadata.project_name,
        dbt: metadata.dbt_version,
        engine: metadata.adapter_type,
        parsedAt: metadata.generated_at,
        counts,
        tests: outcomes,
        models: [...graph.all.values()].filter(isModel).map((node) => ({
          name: nameOf(node),
          type: node.resource_type,
          published: isPublished(node, graph),
          status: results.get(node.unique_id)?.status ?? 'not_run',
          reads: (node.depends_on?.nodes ?? []).flatMap((id) => {
            const parent = graph.all.get(id);
            return parent ? [nameOf(parent)] : [];
          }),
        })),
      });
    },
  },
  {
    name: 'dbt_model',
    title: 'One model of the dbt project',
    description: 'All of one model, source, seed, snapshot or exposure: description, columns, tests, SQL, neighbours, last run',
    uri: 'stack://dbt/models/{model}',
    mimeType: 'application/json',
    changesWith: ['runs'],
    list: async (context) =>
      (await modelNames(context)).map((name) => ({
        uri: `stack://dbt/models/${encodeURIComponent(name)}`,
        title: name,
      })),
    complete: async (_variable, start, context) =>
      (await modelNames(context)).filter((name) => name.toLowerCase().startsWith(start.toLowerCase())),
    read: async ({ model = '' }, context) => {
      const all = await project(context);
      return json(await describe(context, modelNamed(all.graph, model), all, { whole: true }));
    },
  },
];

export const prompts: readonly PromptSpec[] = [
  {
    name: 'write_model_with_tests',
    title: 'Write a dbt model with its tests',
    description: 'From a goal in words to a model, its YAML with tests, and a check of both, in the style of the project',
    arguments: {
      goal: { description: 'what the model is to answer: "cancellations by month and carrier"', required: true },
    },
    text: ({ goal }) =>
      [
        `Write a dbt model for this goal: ${goal}`,
        '1. dbt_models, and dbt_model_show of two or three that are close: how the project names, layers (staging, core, marts), formats and documents. Build on the highest layer that has what is needed, by ref().',
        '2. data_describe and data_profile of what it reads: types, missing values, the grain. Try the SELECT with data_query on published tables, and compare its sums with theirs.',
        '3. Write the model (one file, one grain, the grain in its first comment) and its YAML: a description of the model and of each column with its unit; tests: unique and not_null of the key, relationships to dimensions, accepted_values of categories, and one test of the meaning (sums that have to agree). A unit test for each rule that is not plain SQL.',
        '4. Tag it `publish` only if readers are to have it.',
        '5. Say how to check it: `npx nx deploy transformation` parses it, `make pipeline` builds and tests it; then dbt_tests {"model": …} and data_sample.',
        'Give the files with their paths, and what you decided that the goal left open.',
      ].join('\n'),
  },
];
