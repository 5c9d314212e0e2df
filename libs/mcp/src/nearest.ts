import { ToolError } from './errors';

/** Share of pairs of letters that two names have to have in common to be alike. */
const ALIKE = 0.25;

/**
 * Those of the names that are like one, the most alike first (Dice's coefficient of their pairs of letters); before all, those whose last part
 * is the same: `raw/flights` for `flights`.
 */
export function nearest(name: string, known: readonly string[], most = 3): string[] {
  const wanted = pairs(name);
  return known
    .map((other) => {
      const has = pairs(other);
      if (lastPart(other) === lastPart(name)) return { other, score: 1 };
      const shared = wanted.filter((pair) => has.includes(pair)).length;
      return { other, score: (2 * shared) / (wanted.length + has.length) };
    })
    .filter(({ score }) => score >= ALIKE)
    .sort((a, b) => b.score - a.score)
    .slice(0, most)
    .map(({ other }) => other);
}

const lastPart = (name: string): string | undefined => name.toLowerCase().split(/[/.]/).at(-1);

function pairs(text: string): string[] {
  const padded = ` ${text.toLowerCase()} `;
  return Array.from({ length: padded.length - 1 }, (_, i) => padded.slice(i, i + 2));
}

/** That there is no such thing (`unknown_<what>`), with what is like it, and what to call. */
export function unknown(what: string, name: string, known: readonly string[], remedy: string): ToolError {
  const like = nearest(name, known);
  return new ToolError(
    `unknown_${what}`,
    `there is no ${what} ${JSON.stringify(name)}`,
    `${like.length > 0 ? `is it ${like.join(', ')}? ` : ''}${remedy}`,
  );
}
