import { type Json, type JsonObject, valuesAt } from '../model/json';
import type { Model, Searched } from '../model/model';

/** What one aspect gives to the search for its entity. */
export interface Part {
  name?: string;
  /** Words to look for, by their weight in PostgreSQL's ranking: A counts most. */
  texts: Record<string, string>;
  /** What is filtered by. */
  fields: Record<string, string[]>;
}

/** Values of one field that are kept: a table of 10,000 columns is still one row. */
const MOST = 2_000;
/** PostgreSQL's limit for a text search is 1 MB; more of a description helps nobody. */
const LONGEST = 20_000;

/** Types that people look for by words; the others are filtered by. */
const TEXTS = new Set(['TEXT', 'TEXT_PARTIAL', 'WORD_GRAM', 'URN_PARTIAL', 'KEYWORD']);
/** Names, as DataHub calls them in its fields. */
const NAMES = new Set(['name', 'title', 'displayName', 'id']);

export function indexPart(model: Model, aspect: string, value: JsonObject): Part {
  const part: Part = { texts: {}, fields: {} };
  for (const searched of model.aspect(aspect)?.search ?? []) {
    const values = valuesOf(searched, value);
    if (values.length === 0) continue;
    (part.fields[searched.field] ??= []).push(...values.map((one) => one.slice(0, 1_000)));
    if (NAMES.has(searched.field) && searched.path.length === 1) part.name ??= values[0];
    if (isText(searched)) {
      const weight = weightOf(searched);
      part.texts[weight] = `${part.texts[weight] ?? ''} ${values.map(words).join(' ')}`.slice(0, LONGEST);
    }
  }
  return part;
}

function valuesOf({ path }: Searched, value: JsonObject): string[] {
  const found = valuesAt(value, path).slice(0, MOST);
  // Of an object with entries, such as custom properties: `key=value`.
  if (path.at(-1) === '*') {
    const [parent] = valuesAt(value, path.slice(0, -1));
    if (parent && typeof parent === 'object' && !Array.isArray(parent))
      return Object.entries(parent).map(([key, one]) => clean(`${key}=${textOf(one)}`));
  }
  return found.map(textOf).map(clean).filter(Boolean);
}

const textOf = (value: Json): string => (typeof value === 'object' ? JSON.stringify(value) : String(value));
/** PostgreSQL has no NUL in a text. */
const clean = (text: string): string => text.replaceAll('\u0000', '');

const isText = ({ isText, type }: Searched): boolean => String(isText) !== 'false' && TEXTS.has(type);

function weightOf({ boost = 1, field }: Searched): string {
  if (NAMES.has(field) || boost >= 10) return 'A';
  if (field === 'fieldPaths') return 'B';
  return boost < 1 ? 'D' : 'C';
}

/** Words of a text, of names too: `fct_flights.depDelay` has fct, flights, depdelay, dep and delay. */
export function words(text: string): string {
  const parts = text
    .normalize('NFKC')
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean);
  const inside = parts
    .flatMap((part) => part.split(/(?<=[\p{Ll}\p{N}])(?=\p{Lu})/u))
    .filter((one) => !parts.includes(one));
  return [...parts, ...inside].join(' ').toLowerCase();
}
