import { type Next, tool } from '@stack/mcp';
import { z } from 'zod';
import { nameIn, parseUrn, propertiesOf } from './datahub';
import { qualityOf, qualityShape } from './quality';
import { entityShape, told, urnField } from './search';
import { entityOf, ownerShape, ownersOf, siblingsOf, tagNames } from './told';

/** Columns of an entity in an answer. */
const COLUMNS = 500;

const details = entityShape.extend({
  description: z.string(),
  url: z.string().optional().describe('where it is shown'),
  tags: z.array(z.string()),
  terms: z.array(z.string()).describe('of the glossary'),
  owners: z.array(ownerShape),
  domain: z.string().optional(),
  deprecated: z.string().optional().describe('it shouldn’t be used any more: why'),
  properties: z.record(z.string(), z.string()).describe('what its source tells of it'),
  siblings: z.array(z.string()).describe('URNs of the same table by dbt or by the engine'),
  columns: z.array(
    z.object({
      name: z.string(),
      type: z.string().optional(),
      nullable: z
        .boolean()
        .optional()
        .describe('as its source says, often without having looked: data_describe counts'),
      key: z.boolean().optional(),
      description: z.string().optional(),
      tags: z.array(z.string()).optional(),
    }),
  ),
  columnsTotal: z.number(),
  columnsFrom: z.literal('sibling').optional().describe('the entity itself tells none'),
  truncated: z.literal(true).optional().describe(`it has more columns: ask with columnsAfter`),
  quality: qualityShape.optional().describe('checks of the table, of its siblings’ too'),
});

export const catalogEntity = tool({
  name: 'catalog_entity',
  title: 'One entity of the catalogue',
  description:
    'All that the catalogue tells of one table, file, job, dashboard, tag or person: description, columns, owners, tags, terms, domain, and how the last results of its checks were. ' +
    'Take it for "who owns this", "what is this column", "can I trust it". Its lineage is in catalog_lineage, the current values in data_profile.',
  input: z.object({
    urn: urnField,
    columnsAfter: z
      .number()
      .int()
      .min(0)
      .max(100_000)
      .default(0)
      .describe('columns to leave out, when an answer was truncated'),
  }),
  output: details,
  run: async ({ urn, columnsAfter }, context) => {
    const entity = await entityOf(context, urn);
    const siblings = siblingsOf(entity);
    const others = await Promise.all(
      siblings.slice(0, 3).map((one) => entityOf(context, one).catch(() => undefined)),
    );
    const same = [entity, ...others.filter((one) => one !== undefined)];
    const withColumns = same.find((one) => (one.schemaMetadata?.fields ?? []).length > 0);
    const fields = withColumns?.schemaMetadata?.fields ?? [];
    const words = new Map(
      same.flatMap((one) =>
        (one.schemaMetadata?.fields ?? []).flatMap(({ fieldPath, description }) =>
          description ? [[fieldPath, description] as const] : [],
        ),
      ),
    );
    const quality =
      parseUrn(urn).type === 'dataset'
        ? await qualityOf(
            context,
            same.map((one) => one.urn),
          )
        : undefined;
    const shown = fields.slice(columnsAfter, columnsAfter + COLUMNS);
    const custom = entity.links?.customProperties ?? [];
    const url = entity.links?.externalUrl;
    const data = {
      ...told(entity),
      description:
        same.flatMap(
          (one) => one.editableProperties?.description || propertiesOf(one).description || [],
        )[0] ?? '',
      ...(url && { url }),
      tags: [...new Set(same.flatMap((one) => tagNames(one.tags)))],
      terms: (entity.glossaryTerms?.terms ?? []).map(({ term }) => nameIn(term.urn)),
      owners: same.map(ownersOf).find((one) => one.length > 0) ?? [],
      ...(entity.domain?.domain && { domain: nameIn(entity.domain.domain.urn) }),
      ...(entity.deprecation?.deprecated && { deprecated: entity.deprecation.note ?? '' }),
      properties: Object.fromEntries(custom.map(({ key, value }) => [key, (value ?? '').slice(0, 1_000)])),
      siblings,
      columns: shown.map((field) => {
        const description = field.description || words.get(field.fieldPath);
        const tags = tagNames(field.globalTags);
        return {
          name: field.fieldPath,
          ...(field.nativeDataType && { type: field.nativeDataType }),
          ...(typeof field.nullable === 'boolean' && { nullable: field.nullable }),
          ...(field.isPartOfKey && { key: true }),
          ...(description && { description }),
          ...(tags.length > 0 && { tags }),
        };
      }),
      columnsTotal: fields.length,
      ...(withColumns && withColumns !== entity && { columnsFrom: 'sibling' as const }),
      ...(columnsAfter + shown.length < fields.length && { truncated: true as const }),
      ...(quality && { quality }),
    };
    return { text: textOf(data), data, next: nextOf(data, columnsAfter) };
  },
});

type Details = z.output<typeof details>;

function textOf({ name, type, platform, columnsTotal, owners, quality }: Details): string {
  const checks =
    quality && quality.checks > 0
      ? ` Checks: ${quality.passed} passed, ${quality.failed} failed, ${quality.unknown} without a result.`
      : '';
  return `${name}: ${type}${platform ? ` of ${platform}` : ''}, ${columnsTotal} columns, ${owners.length} owners.${checks}`;
}

function nextOf(data: Details, columnsAfter: number): Next[] {
  const { urn, type, properties, quality, siblings, truncated } = data;
  const model = properties.dbt_unique_id;
  const failing = quality?.failing ?? [];
  const failed = failing.find((one) => one.test) ?? failing[0];
  const lineage = (direction: string, why: string): Next => ({
    tool: 'catalog_lineage',
    arguments: { urn, direction },
    why,
  });
  return [
    ...(failed?.test
      ? [{ tool: 'dbt_test_show', arguments: { test: failed.test }, why: 'a check that fails' }]
      : []),
    ...(failed?.runId
      ? [{ tool: 'run_show', arguments: { runId: failed.runId }, why: 'the run in which it failed' }]
      : []),
    ...(['dataset', 'dataJob', 'dashboard', 'chart'].includes(type)
      ? [lineage('upstream', 'what it is made from')]
      : []),
    ...(['dataset', 'dataJob'].includes(type) ? [lineage('downstream', 'what depends on it')] : []),
    ...(model ? [{ tool: 'dbt_model_show', arguments: { model }, why: 'its SQL and tests' }] : []),
    ...(type === 'dataJob' ? [{ tool: 'runs_list', arguments: {}, why: 'its runs' }] : []),
    ...(siblings[0]
      ? [
          {
            tool: 'catalog_entity',
            arguments: { urn: siblings[0] },
            why: 'the same table, by dbt or by the engine',
          },
        ]
      : []),
    ...(truncated
      ? [
          {
            tool: 'catalog_entity',
            arguments: { urn, columnsAfter: columnsAfter + COLUMNS },
            why: 'more columns',
          },
        ]
      : []),
  ];
}
