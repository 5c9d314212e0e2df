/**
 * One parameter for a column of many rows, which `columns` splits again: quicker than an array, whose items are escaped here and
 * unescaped there. No item may have a line break: JSON escapes it, URNs and names of aspects don't have it. An empty one is null.
 */
export const lines = (items: readonly string[]): string => items.join('\n');

/** SQL of a table of the first so many parameters, each a column. */
export const columns = (count: number): string =>
  `unnest(${Array.from({ length: count }, (_, i) => `string_to_array($${i + 1}, E'\\n', '')`).join(', ')})`;
