export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = Record<string, Json>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Values at a path; `*` is each item of a list, or each entry of an object. */
export function valuesAt(value: Json | undefined, path: readonly string[]): Json[] {
  if (value === undefined || value === null) return [];
  if (path.length === 0) return [value];
  const [first, ...rest] = path as [string, ...string[]];
  if (first === '*') {
    const items = Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
    return items.flatMap((item) => valuesAt(item, rest));
  }
  if (!isObject(value)) return [];
  if (first === '$key') return Object.keys(value);
  // A value that may be one of several types lies below its type's name.
  const [only, ...others] = Object.entries(value);
  const inner = only && others.length === 0 && only[0].includes('.') && isObject(only[1]) ? only[1] : value;
  return valuesAt(inner[first], rest);
}
