export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = Record<string, Json>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The first number in a value that JavaScript doesn't have as it was written: one of too many digits, or too large; undefined without. */
export function inexactIn(value: Json): number | undefined {
  if (typeof value === 'number') {
    const isExact = Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
    return isExact ? undefined : value;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const inner of Object.values(value)) {
    const found = inexactIn(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Where paths go on after a step, and which of them end there. */
interface Branch {
  ends: number[];
  below: Map<string, Branch>;
}

/**
 * Paths into values, looked up in one walk: names of fields, `*` for each item of a list or each entry of an object, `$key` for each
 * name in an object.
 */
export class Paths {
  private readonly root: Branch = { ends: [], below: new Map() };

  constructor(private readonly paths: readonly (readonly string[])[]) {
    for (const [i, path] of paths.entries()) {
      let at = this.root;
      for (const step of path) {
        const next = at.below.get(step) ?? { ends: [], below: new Map() };
        at.below.set(step, next);
        at = next;
      }
      at.ends.push(i);
    }
  }

  /** What there is at each path, in the order of the paths. */
  find(value: Json): Json[][] {
    const found: Json[][] = this.paths.map(() => []);
    const walk = (one: Json | undefined, { ends, below }: Branch): void => {
      if (one === undefined || one === null) return;
      for (const end of ends) found[end]!.push(one);
      if (below.size === 0 || typeof one !== 'object') return;
      const inner = Array.isArray(one) ? undefined : untyped(one);
      for (const [step, next] of below) {
        if (step === '*') for (const item of Object.values(one)) walk(item, next);
        else if (inner && step === '$key') for (const name of Object.keys(one)) walk(name, next);
        else if (inner) walk(inner[step], next);
      }
    };
    walk(value, this.root);
    return found;
  }
}

/** A value that may be one of several types lies below its type's name: `{"com.linkedin.schema.NumberType": {…}}`. */
function untyped(value: JsonObject): JsonObject {
  let only: string | undefined;
  // Without a list of the names: this is asked of each value on each path.
  for (const name in value) {
    if (only !== undefined) return value;
    only = name;
  }
  const inner = only?.includes('.') ? value[only] : undefined;
  return isObject(inner) ? inner : value;
}
