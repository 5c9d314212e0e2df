import { type Json, type JsonObject, Paths, isObject } from '../model/json';
import type { Model, Searched } from '../model/model';

/** What one aspect gives to the search for its entity. */
export interface Part {
  name?: string;
  /** Words to look for, as PostgreSQL writes a `tsvector`: `'flights':1A 'delay':2B`. Of the weights, A counts most in ranking. */
  words: string;
  /** What is filtered by. */
  fields: Record<string, string[]>;
}

/** Values of one field that are kept: a table of 10,000 columns is still one row. */
const MOST = 2_000;
/** Characters of one weight: PostgreSQL's limit for a text search is 1 MB, and more of a description helps nobody. */
const LONGEST = 20_000;
/** Characters of a word that count: PostgreSQL takes 2 kB. */
const LONGEST_WORD = 200;

/** Types that people look for by words; the others are filtered by. */
const TEXTS = new Set(['TEXT', 'TEXT_PARTIAL', 'WORD_GRAM', 'URN_PARTIAL', 'KEYWORD']);
/** Names, as DataHub calls them in its fields. */
const NAMES = new Set(['name', 'title', 'displayName', 'id']);

export function indexPart(model: Model, aspect: string, value: JsonObject): Part {
  const fields: Part['fields'] = {};
  const texts: Record<string, string> = {};
  let name: string | undefined;
  for (const [searched, found] of model.searched(aspect, value)) {
    const values = valuesOf(searched, found, value);
    if (values.length === 0) continue;
    (fields[searched.field] ??= []).push(...values.map((one) => one.slice(0, 1_000)));
    if (NAMES.has(searched.field) && searched.path.length === 1) name ??= values[0];
    if (isText(searched)) {
      const weight = weightOf(searched);
      texts[weight] = `${texts[weight] ?? ''} ${values.join(' ')}`.slice(0, LONGEST);
    }
  }
  return { ...(name !== undefined && { name }), words: vectorOf(texts), fields };
}

/** Each word once for each weight, where it comes first. */
function vectorOf(texts: Record<string, string>): string {
  let position = 0;
  const lexemes = Object.entries(texts).flatMap(([weight, text]) =>
    words(text).map((word) => `'${word}':${(position += 1)}${weight}`),
  );
  return lexemes.join(' ');
}

function valuesOf({ path }: Searched, found: readonly Json[], value: JsonObject): string[] {
  // Of an object with entries, such as custom properties: `key=value`.
  if (path.at(-1) === '*') {
    const [parent] = new Paths([path.slice(0, -1)]).find(value)[0]!;
    if (isObject(parent)) return Object.entries(parent).map(([key, one]) => clean(`${key}=${textOf(one)}`));
  }
  return found.slice(0, MOST).map(textOf).map(clean).filter(Boolean);
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

/**
 * Different words of a text, of names too: `fct_flights.depDelay` has fct, flights, depdelay, dep and delay. Only letters and digits:
 * nothing in them is an operator of PostgreSQL's search.
 */
export function words(text: string): string[] {
  const parts = text
    .normalize('NFKC')
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean);
  const inside = parts
    .filter((part) => /\p{Lu}/u.test(part))
    .flatMap((part) => part.split(/(?<=[\p{Ll}\p{N}])(?=\p{Lu})/u));
  return [...new Set([...parts, ...inside].map((word) => word.toLowerCase().slice(0, LONGEST_WORD)))];
}
