/** What the catalogue tells of one entity, and of the same table by dbt and by the engine. */
import { type ToolContext, ToolError } from '@stack/mcp';
import { z } from 'zod';
import {
  NAMES,
  type Named,
  TYPES,
  areSiblings,
  graph,
  nameIn,
  parseUrn,
  propertiesOf,
  wordsOf,
} from './datahub';
import { told } from './search';

const OWNERSHIP = `ownership { owners {
  type
  ownershipType { ... on OwnershipTypeEntity { urn info { name } } }
  owner {
    ... on CorpUser { urn username user: properties { displayName email } }
    ... on CorpGroup { urn group: properties { displayName email } }
  }
} }`;
const TAGS = 'tags { tags { tag { urn } } } glossaryTerms { terms { term { urn } } }';
const COMMON = `exists ${OWNERSHIP} ${TAGS} domain { domain { urn } } deprecation { deprecated note }`;
const HUNG = `${COMMON} info: aspects(input: { aspectNames: ["siblings"] }) { aspectName payload }`;

const ENTITY = `query entity($urn: String!) {
  entity(urn: $urn) {
    urn type ${NAMES}
    ... on Dataset {
      ${HUNG}
      container { urn }
      editableProperties { description }
      links: properties { externalUrl customProperties { key value } }
      schemaMetadata { fields { fieldPath nativeDataType nullable description isPartOfKey globalTags { tags { tag { urn } } } } }
      down: lineage(input: { direction: DOWNSTREAM, count: 100 }) { relationships { entity { urn } } }
      up: lineage(input: { direction: UPSTREAM, count: 100 }) { relationships { entity { urn } } }
    }
    ... on DataJob { ${COMMON} links: properties { externalUrl customProperties { key value } } }
    ... on DataFlow { ${COMMON} links: properties { externalUrl customProperties { key value } } }
    ... on Dashboard { ${COMMON} links: properties { externalUrl customProperties { key value } } }
    ... on Chart { ${COMMON} links: properties { externalUrl customProperties { key value } } }
    ... on Container { exists ${OWNERSHIP} ${TAGS} }
    ... on GlossaryTerm { exists }
    ... on Tag { exists }
    ... on Domain { exists }
    ... on CorpUser { exists }
    ... on CorpGroup { exists }
    ... on Assertion { exists }
  }
}`;

interface Owner {
  readonly type?: string | null;
  readonly ownershipType?: {
    readonly urn?: string;
    readonly info?: { readonly name?: string | null } | null;
  } | null;
  readonly owner?: Named | null;
}

interface Field {
  readonly fieldPath: string;
  readonly nativeDataType?: string | null;
  readonly nullable?: boolean | null;
  readonly description?: string | null;
  readonly isPartOfKey?: boolean | null;
  readonly globalTags?: Tags | null;
}

interface Tags {
  readonly tags?: readonly { readonly tag: { readonly urn: string } }[] | null;
}

interface Neighbours {
  readonly relationships?: readonly { readonly entity?: { readonly urn: string } | null }[] | null;
}

export interface Told extends Named {
  readonly exists?: boolean | null;
  readonly ownership?: { readonly owners?: readonly Owner[] | null } | null;
  readonly tags?: Tags | null;
  readonly glossaryTerms?: {
    readonly terms?: readonly { readonly term: { readonly urn: string } }[] | null;
  } | null;
  readonly domain?: { readonly domain?: { readonly urn: string } | null } | null;
  readonly deprecation?: { readonly deprecated?: boolean | null; readonly note?: string | null } | null;
  readonly editableProperties?: { readonly description?: string | null } | null;
  readonly links?: {
    readonly externalUrl?: string | null;
    readonly customProperties?: readonly { readonly key: string; readonly value?: string | null }[] | null;
  } | null;
  readonly schemaMetadata?: { readonly fields?: readonly Field[] | null } | null;
  readonly info?: readonly { readonly payload?: string | null }[] | null;
  readonly down?: Neighbours | null;
  readonly up?: Neighbours | null;
}

/** @throws ToolError when it is no URN, or of a kind that the catalogue tools don't show */
function checkType(urn: string): void {
  const { type } = parseUrn(urn);
  if (type in TYPES) return;
  throw new ToolError(
    'unknown_type',
    `the catalogue tools know no entities of type ${JSON.stringify(type.slice(0, 100))}`,
    `they know ${Object.keys(TYPES).join(', ')}; ${type === 'schemaField' ? 'of a column give the URN of its table, and `column`' : 'catalog_search finds URNs'}`,
  );
}

/** @throws ToolError when the catalogue knows nothing of it, naming what is like it */
export async function entityOf(context: ToolContext, urn: string): Promise<Told> {
  checkType(urn);
  const { entity } = await graph<{ entity: Told | null }>(context, ENTITY, { urn });
  if (entity && entity.exists !== false) return entity;
  throw await unknownEntity(context, urn);
}

async function unknownEntity(context: ToolContext, urn: string): Promise<ToolError> {
  const query = wordsOf(nameIn(urn));
  const { searchAcrossEntities: found } = await graph<{
    searchAcrossEntities: { searchResults: { entity: { urn: string } }[] };
  }>(
    context,
    'query like($input: SearchAcrossEntitiesInput!) { searchAcrossEntities(input: $input) { searchResults { entity { urn } } } }',
    { input: { query, count: 3, types: typesLike(urn) } },
  );
  const like = found.searchResults.map(({ entity }) => entity.urn);
  return new ToolError(
    'unknown_entity',
    `the catalogue knows nothing of ${urn.slice(0, 300)}`,
    `${like.length > 0 ? `is it ${like.join(' or ')}? ` : ''}catalog_search ${JSON.stringify({ query })} looks for it`,
  );
}

function typesLike(urn: string): string[] {
  const name = (TYPES as Readonly<Record<string, string>>)[parseUrn(urn).type];
  return name ? [name] : [];
}

/** @throws ToolError when the catalogue knows nothing of it */
export async function requireEntity(context: ToolContext, urn: string): Promise<void> {
  checkType(urn);
  const kinds = ['Dataset', 'DataJob', 'DataFlow', 'Dashboard', 'Chart'].map(
    (kind) => `... on ${kind} { exists }`,
  );
  const { entity } = await graph<{ entity: { exists?: boolean | null } | null }>(
    context,
    `query known($urn: String!) { entity(urn: $urn) { urn ${kinds.join(' ')} } }`,
    { urn },
  );
  if (!entity || entity.exists === false) throw await unknownEntity(context, urn);
}

/** Names of a dataset's columns. */
export async function columnsOf(context: ToolContext, urn: string): Promise<string[]> {
  const { entity } = await graph<{
    entity: { schemaMetadata?: { fields?: { fieldPath: string }[] | null } | null } | null;
  }>(
    context,
    'query columns($urn: String!) { entity(urn: $urn) { ... on Dataset { schemaMetadata { fields { fieldPath } } } } }',
    { urn },
  );
  return (entity?.schemaMetadata?.fields ?? []).map(({ fieldPath }) => fieldPath);
}

/** Other entities of the same table: those that DataHub says, and dbt's or the engine's that lies right beside it. */
export function siblingsOf({ urn, info, up, down }: Told): string[] {
  const payload = info?.find((one) => one.payload)?.payload;
  const said = payload ? ((JSON.parse(payload) as { siblings?: string[] }).siblings ?? []) : [];
  const beside = [...(up?.relationships ?? []), ...(down?.relationships ?? [])]
    .flatMap(({ entity }) => entity?.urn ?? [])
    .filter((other) => areSiblings(urn, other));
  return [...new Set([...said, ...beside])].filter((other) => other !== urn);
}

export const ownerShape = z.object({
  urn: z.string(),
  name: z.string(),
  email: z.string().optional(),
  kind: z.enum(['person', 'group']),
  role: z.string().optional().describe('"DATAOWNER", "TECHNICAL_OWNER" …'),
});

export function ownersOf({ ownership }: Told): z.output<typeof ownerShape>[] {
  return (ownership?.owners ?? []).flatMap(({ owner, type, ownershipType }) => {
    if (!owner) return [];
    const { email } = propertiesOf(owner);
    const role = ownershipType?.info?.name ?? (type && type !== 'CUSTOM' ? type : ownershipType?.urn) ?? type;
    return [
      {
        urn: owner.urn,
        name: told(owner).name,
        ...(email && { email }),
        kind: parseUrn(owner.urn).type === 'corpGroup' ? ('group' as const) : ('person' as const),
        ...(role && { role }),
      },
    ];
  });
}

export const tagNames = (tags: Tags | null | undefined): string[] =>
  (tags?.tags ?? []).map(({ tag }) => nameIn(tag.urn));
