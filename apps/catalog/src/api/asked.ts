import { RequestError } from '@stack/http-server';
import { isObject } from '../model/json';
import type { Filter } from '../store/search';

/** What a request that isn't as the client makes it is told. */
export const badRequest = (message: string): RequestError =>
  new RequestError(400, 'invalid_request', message, { remedy: 'send it as acryl-datahub does' });

/**
 * A whole number of a query or a body.
 *
 * @param least @default 0
 * @throws RequestError 400 naming the field
 */
export function wholeOf(value: unknown, name: string, otherwise: number, least = 0): number {
  if (value === undefined || value === null) return otherwise;
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= least) return number;
  throw badRequest(
    `${name} is ${JSON.stringify(value).slice(0, 100)}: it is a whole number, ${least} or more`,
  );
}

/** The same of a moment, in milliseconds since 1970; undefined when none is given. */
export const momentOf = (value: unknown, name: string): number | undefined =>
  value === undefined || value === null ? undefined : wholeOf(value, name, 0);

/** Each `{"field", "values" | "value", "condition", "negated"}` of a list. */
export const filtersOf = (list: unknown): Filter[] =>
  (Array.isArray(list) ? list.filter(isObject) : []).map(({ field, value, values, condition, negated }) => ({
    field: String(field),
    values: Array.isArray(values) ? values.map(String) : [String(value)],
    condition: typeof condition === 'string' ? condition : undefined,
    negated: negated === true,
  }));

/** Any of these lists, all of each: `{"or": [{"and": […]}]}`. */
export const orFilters = (filter: unknown): Filter[][] =>
  (isObject(filter) && Array.isArray(filter.or) ? filter.or.filter(isObject) : []).map(({ and }) =>
    filtersOf(and),
  );

/** Texts of a list, of parameters of one name, or of `List(a,b)`. */
export const listOf = (value: unknown): string[] =>
  [value ?? []]
    .flat()
    .map(String)
    .flatMap((one) => (/^List\(/.test(one) ? one.slice(5, -1).split(',') : [one]))
    .filter(Boolean);

/** What can't be done with a value that came in, though its form is right: of PostgreSQL, and of a value that is too deep. */
export function refusalOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  // Class 22 of SQLSTATE: data exception.
  if ('code' in error && /^22[0-9A-Z]{3}$/.test(String(error.code))) return badRequest(error.message);
  if (error instanceof RangeError && error.message.includes('call stack'))
    return badRequest('a value is nested too deeply');
  return error;
}
