/** DataHub's API as the adapter asks it: GraphQL, and Rest.li for what happened (results of checks). A real DataHub answers the same. */
import { type ToolContext, ToolError, askJson } from '@stack/mcp';

const UNIT = 'catalog';

/** Types of entities that can be searched for, by the names that URNs have. */
export const TYPES = {
  dataset: 'DATASET',
  dataJob: 'DATA_JOB',
  dataFlow: 'DATA_FLOW',
  dashboard: 'DASHBOARD',
  chart: 'CHART',
  container: 'CONTAINER',
  tag: 'TAG',
  glossaryTerm: 'GLOSSARY_TERM',
  domain: 'DOMAIN',
  corpuser: 'CORP_USER',
  corpGroup: 'CORP_GROUP',
  assertion: 'ASSERTION',
} as const;
export type Type = keyof typeof TYPES;

interface GraphAnswer<T> {
  readonly data?: T | null;
  readonly errors?: readonly { readonly message: string }[];
}

const headers = ({ env }: ToolContext): Record<string, string> =>
  env.TOKEN ? { authorization: `Bearer ${env.TOKEN}` } : {};

/** @throws ToolError with what the catalogue says, when it refuses */
export async function graph<T>(
  context: ToolContext,
  query: string,
  variables: Readonly<Record<string, unknown>>,
): Promise<T> {
  const { data, errors } = await askJson<GraphAnswer<T>>(context, `${context.env.URL}/api/graphql`, {
    unit: UNIT,
    headers: headers(context),
    body: { query, variables },
  });
  if (errors?.length)
    throw new ToolError(
      'catalogue_refused',
      `catalog: ${errors[0]!.message.slice(0, 500)}`,
      'catalog_search finds URNs; stack_logs {"unit": "catalog"} has more if it fails by itself',
    );
  if (!data) throw new ToolError('catalogue_refused', 'catalog: an answer without data', 'call stack_status');
  return data;
}

interface Events {
  readonly value?: { readonly values?: readonly { readonly aspect?: { readonly value?: string } }[] };
}

/** The newest of what happened to an entity, as its aspect says it; undefined when nothing has. */
export async function newestEvent<T>(
  context: ToolContext,
  urn: string,
  entity: string,
  aspect: string,
): Promise<T | undefined> {
  const { value } = await askJson<Events>(
    context,
    `${context.env.URL}/aspects?action=getTimeseriesAspectValues`,
    { unit: UNIT, headers: headers(context), body: { urn, entity, aspect, limit: 1 } },
  );
  const text = value?.values?.[0]?.aspect?.value;
  return text === undefined ? undefined : (JSON.parse(text) as T);
}

/** A URN's type and what its key is made of: `urn:li:dataset:(urn:li:dataPlatform:dbt,a.b.c,PROD)`. */
export interface Urn {
  readonly type: string;
  readonly parts: readonly string[];
}

/** @throws ToolError when it is none */
export function parseUrn(urn: string): Urn {
  const [, type, key] = /^urn:li:([A-Za-z]\w*):(.+)$/s.exec(urn.trim()) ?? [];
  if (type === undefined || key === undefined)
    throw new ToolError(
      'bad_urn',
      `${JSON.stringify(urn.slice(0, 200))} is no URN of DataHub's`,
      `catalog_search ${JSON.stringify({ query: wordsOf(urn) })} finds it; a URN begins with urn:li:`,
    );
  return { type, parts: key.startsWith('(') && key.endsWith(')') ? split(key.slice(1, -1)) : [key] };
}

/** At commas outside of brackets. */
function split(text: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const letter of text) {
    if (letter === '(') depth += 1;
    if (letter === ')') depth -= 1;
    if (letter === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += letter;
  }
  return parts;
}

/** What the entity is called, as far as its URN says. */
export function nameIn(urn: string): string {
  const { type, parts } = parseUrn(urn);
  const name = (type === 'dataset' ? parts[1] : parts.at(type === 'dataFlow' ? 1 : -1)) ?? urn;
  return decodeURIComponent(name.replace(/%(?![0-9a-f]{2})/gi, '%25'));
}

/** `dbt`, of a dataset's URN; the tool of a dashboard, the orchestrator of a job. */
export function platformIn(urn: string): string | undefined {
  const { type, parts } = parseUrn(urn);
  if (type === 'schemaField' || type === 'dataJob') return parts[0] && platformIn(parts[0]);
  return ['dataset', 'dataFlow', 'dashboard', 'chart'].includes(type)
    ? parts[0]!.split(':').at(-1)
    : undefined;
}

/** What one would search for to find something like it. */
export const wordsOf = (text: string): string =>
  /[A-Za-z0-9_]+(?=[^A-Za-z0-9_]*(?:,[A-Z]+\)*)?$)/.exec(text)?.[0] ?? text.slice(0, 100);

export const fieldUrn = (urn: string, column: string): string => `urn:li:schemaField:(${urn},${column})`;

/** Whether they are dbt's entity of a table and its warehouse's: one table to whoever looks at it. */
export function areSiblings(one: string, other: string): boolean {
  const [a, b] = [parseUrn(one), parseUrn(other)];
  if (a.type !== 'dataset' || b.type !== 'dataset') return false;
  if (a.parts[1]?.toLowerCase() !== b.parts[1]?.toLowerCase()) return false;
  return (platformIn(one) === 'dbt') !== (platformIn(other) === 'dbt');
}

/** Fields of any entity's name, in DataHub's GraphQL. */
export const NAMES = `
  ... on Dataset { name platform { name } properties { name description } subTypes { typeNames } }
  ... on DataJob { jobId dataJob: properties { name description } }
  ... on DataFlow { flowId dataFlow: properties { name description } }
  ... on Dashboard { dashboardId dashboard: properties { name description } }
  ... on Chart { chartId chart: properties { name description } }
  ... on Container { container: properties { name description } }
  ... on Tag { tag: properties { name description } }
  ... on GlossaryTerm { term: properties { name description } }
  ... on Domain { domainProperties: properties { name description } }
  ... on CorpUser { username user: properties { displayName email } }
  ... on CorpGroup { group: properties { displayName email } }
  ... on Assertion { check: aspects(input: { aspectNames: ["assertionInfo"] }) { payload } }`;

interface Properties {
  readonly name?: string | null;
  readonly description?: string | null;
  readonly displayName?: string | null;
  readonly email?: string | null;
}

/** Under which of the names in `NAMES` an entity's own are. */
const OWN = [
  'properties',
  'dataJob',
  'dataFlow',
  'dashboard',
  'chart',
  'container',
  'tag',
  'term',
  'domainProperties',
  'user',
  'group',
] as const;

/** An entity as `NAMES` gives it. */
export interface Named extends Partial<Record<(typeof OWN)[number], Properties | null>> {
  readonly urn: string;
  readonly type?: string;
  readonly name?: string | null;
  readonly platform?: { readonly name?: string | null } | null;
  readonly subTypes?: { readonly typeNames?: readonly string[] | null } | null;
  readonly username?: string | null;
  readonly check?: readonly { readonly payload?: string | null }[] | null;
}

export const propertiesOf = (entity: Named): Properties =>
  OWN.map((name) => entity[name]).find((one) => one !== null && one !== undefined) ?? {};

/** What is read of the aspect assertionInfo; which part there is depends on who made the check. */
export interface CheckInfo {
  readonly description?: string;
  readonly customProperties?: Readonly<Record<string, string>>;
  readonly customAssertion?: { readonly nativeType?: string; readonly field?: string };
  readonly datasetAssertion?: { readonly nativeType?: string; readonly fields?: readonly string[] };
}

export function checkOf(told: Named['check']): CheckInfo {
  const payload = told?.find((one) => one.payload)?.payload;
  return payload ? (JSON.parse(payload) as CheckInfo) : {};
}

export function nameOf(entity: Named): string {
  const { name, displayName } = propertiesOf(entity);
  const { customAssertion, datasetAssertion, description } = checkOf(entity.check);
  const check = customAssertion?.nativeType ?? datasetAssertion?.nativeType ?? description?.slice(0, 200);
  return check || name || displayName || entity.name || entity.username || nameIn(entity.urn);
}
