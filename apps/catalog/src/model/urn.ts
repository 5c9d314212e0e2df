import { RequestError } from '@stack/http-server';

export interface Urn {
  text: string;
  /** `dataset` of `urn:li:dataset:(…)`. */
  type: string;
  /** The parts in brackets, or the only one. Parts may be URNs themselves. */
  parts: string[];
}

/** Longest that DataHub's own tables take, in characters. */
const LONGEST = 512;
const FORM = /^urn:li:([a-zA-Z][a-zA-Z0-9]*):(.+)$/s;

/** @throws RequestError 400 when it isn't one */
export function parseUrn(text: unknown): Urn {
  const found = typeof text === 'string' ? FORM.exec(text) : undefined;
  if (!found || found[2]!.trim() === '') throw invalid(text, 'a URN is urn:li:<entity>:<key>');
  if (found[0].length > LONGEST) throw invalid(text, `a URN has at most ${LONGEST} characters`);
  // PostgreSQL and logs can't have them.
  if (/\p{Cc}/u.test(found[0])) throw invalid(text, 'a URN has no control characters');
  const [, type, key] = found as unknown as [string, string, string];
  return { text: found[0], type, parts: partsOf(key, text) };
}

/** @throws RequestError */
function partsOf(key: string, text: unknown): string[] {
  if (!key.startsWith('(')) return [key];
  const parts: string[] = [];
  let depth = 0;
  let start = 1;
  for (let i = 0; i < key.length; i++) {
    const one = key[i];
    if (one === '(') depth += 1;
    else if (one === ')') depth -= 1;
    if ((one === ',' && depth === 1) || (one === ')' && depth === 0)) {
      parts.push(key.slice(start, i));
      start = i + 1;
    }
    if (depth === 0 && i < key.length - 1) throw invalid(text, 'something follows its last bracket');
  }
  if (depth !== 0) throw invalid(text, 'its brackets don’t match');
  return parts;
}

function invalid(text: unknown, why: string): RequestError {
  const shown = typeof text === 'string' ? text.slice(0, 200) : JSON.stringify(text)?.slice(0, 200);
  return new RequestError(400, 'invalid_urn', `${shown ?? '(nothing)'} is no URN: ${why}`, {
    remedy: 'make it by the client’s make_…_urn functions',
  });
}
