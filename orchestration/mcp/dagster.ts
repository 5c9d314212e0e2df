/** What the tools ask of Dagster's webserver, over GraphQL, and how its values are told. */
import { type ToolContext, ToolError, askJson } from '@stack/mcp';
import { z } from 'zod';

export const UNIT = 'orchestration';

/** The code location, as workspace.yaml names it. */
export const REPOSITORY = {
  repositoryLocationName: 'stack_pipeline',
  repositoryName: '__repository__',
} as const;

/** @throws ToolError when Dagster isn't there, or answers with an error */
export async function graph<T>(context: ToolContext, query: string, variables: object = {}): Promise<T> {
  const { data, errors } = await askJson<{ data?: T; errors?: { message: string }[] }>(
    context,
    `${context.env.URL}/graphql`,
    { unit: UNIT, body: { query, variables } },
  );
  if (data && !errors) return data;
  throw dagsterError(errors?.[0]?.message ?? 'no data');
}

/** An answer of one of GraphQL's unions `…OrError`, which may be Python's exception. */
export interface Maybe {
  readonly __typename: string;
  readonly message?: string;
}

export function dagsterError(said: string): ToolError {
  const first = shortened(said.trim().split('\n')[0], 300).text;
  return new ToolError(
    'dagster_error',
    `Dagster can't answer: ${first}`,
    'read its log: stack_logs with unit "orchestration"',
  );
}

/** ISO 8601 of Dagster's seconds since 1970. */
export const at = (seconds: number | null | undefined): string | undefined =>
  seconds ? new Date(seconds * 1_000).toISOString() : undefined;

/** ISO 8601 of its events' milliseconds since 1970, which are text. */
export const atMs = (milliseconds: string | number): string => new Date(Number(milliseconds)).toISOString();

export const secondsBetween = (from?: number | null, to?: number | null): number | undefined =>
  from && to ? Math.round((to - from) * 10) / 10 : undefined;

export interface Shortened {
  readonly text: string;
  readonly truncated?: true;
}

/** A text of at most so many characters; what is left out is counted at its end. */
export function shortened(text: string, most: number): Shortened {
  if (text.length <= most) return { text };
  return { text: `${text.slice(0, most)}… (+${text.length - most} characters)`, truncated: true };
}

/** Assets by their keys: `raw/flights`. */
export const keyOf = ({ path }: { readonly path: readonly string[] }): string => path.join('/');
export const pathOf = (key: string): { path: string[] } => ({ path: key.split('/') });

export const assetKey = z
  .string()
  .max(300)
  .regex(/^[\w.-]+(\/[\w.-]+)*$/)
  .describe('an asset as assets_list names it: "raw/flights", "fct_flights"');

/** Fields of what an event tells beside its message. */
export const METADATA = `metadataEntries {
  label
  ... on TextMetadataEntry { text } ... on JsonMetadataEntry { jsonString } ... on IntMetadataEntry { intValue intRepr }
  ... on FloatMetadataEntry { floatValue } ... on BoolMetadataEntry { boolValue } ... on MarkdownMetadataEntry { mdStr }
  ... on PathMetadataEntry { path } ... on UrlMetadataEntry { url } ... on TimestampMetadataEntry { timestamp }
}`;

export interface MetadataEntry {
  readonly label: string;
  readonly text?: string | null;
  readonly jsonString?: string;
  readonly intValue?: number | null;
  readonly intRepr?: string;
  readonly floatValue?: number | null;
  readonly boolValue?: boolean | null;
  readonly mdStr?: string;
  readonly path?: string;
  readonly url?: string;
  readonly timestamp?: number;
}

/** Characters of one value that are shown. */
const VALUE = 2_000;

export const metadata = z
  .record(z.string(), z.unknown())
  .describe('what the step told of it, by label; longer texts are shortened with a mark');

/** By label. @param without labels that are left out */
export function metadataOf(
  entries: readonly MetadataEntry[] | null | undefined,
  without: readonly string[] = [],
): Record<string, unknown> {
  const told = (entries ?? []).filter(({ label }) => !without.includes(label));
  return Object.fromEntries(
    told.map((entry) => [entry.label, valueOf(entry)]).filter(([, v]) => v !== undefined),
  );
}

function valueOf(entry: MetadataEntry): unknown {
  if (entry.jsonString !== undefined)
    return entry.jsonString.length > VALUE
      ? shortened(entry.jsonString, VALUE).text
      : parsed(entry.jsonString);
  const text = entry.text ?? entry.mdStr ?? entry.path ?? entry.url;
  if (typeof text === 'string') return shortened(text, VALUE).text;
  if (entry.intRepr !== undefined) return entry.intValue ?? entry.intRepr;
  if (entry.timestamp !== undefined) return at(entry.timestamp);
  return entry.floatValue ?? entry.boolValue ?? undefined;
}

/** JSON, or else the text as it is. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Rows that a materialisation tells of. */
export function rowsOf(entries: readonly MetadataEntry[] | null | undefined): number | undefined {
  const entry = entries?.find(({ label }) => label === 'dagster/row_count');
  return entry && Number(entry.intValue ?? entry.intRepr);
}
