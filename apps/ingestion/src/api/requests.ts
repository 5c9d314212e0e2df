/** What the routes have in common: pages, filters, ids. */
import { RequestError } from '@stack/http-server';
import type { FastifyRequest } from 'fastify';
import { isUuid } from '../ids';
import type { Page } from '../store/objects';

export type Query = Record<string, string | string[] | undefined>;

const LARGEST_PAGE = 100;

/** Schemas of the bodies that make, replace and change a source or a destination. */
export function bodies(fields: object): Record<'whole' | 'replaced' | 'part', { body: object }> {
  const properties = {
    name: { type: 'string', minLength: 1 },
    workspaceId: { type: 'string' },
    configuration: { type: 'object' },
    ...fields,
  };
  const needing = (...required: string[]) => ({ body: { type: 'object', required, properties } });
  return {
    whole: needing('name', 'workspaceId', 'configuration'),
    replaced: needing('name', 'configuration'),
    part: { body: { type: 'object', properties } },
  };
}

export const badRequest = (message: string, remedy = 'see the README of ingestion'): RequestError =>
  new RequestError(400, 'invalid_request', message, { remedy });

export const notFound = (what: string, id: string): RequestError =>
  new RequestError(404, 'not_found', `there is no ${what} ${id}`, {
    remedy: `list them: GET /api/public/v1/${what}s`,
  });

export const conflict = (message: string, remedy: string): RequestError =>
  new RequestError(409, 'conflict', message, { remedy });

/** @throws RequestError 404, also for what can't be an id */
export async function found<T extends { deleted_at?: Date | null }>(
  what: string,
  id: string,
  find: (id: string) => Promise<T | undefined>,
): Promise<T> {
  const one = isUuid(id) ? await find(id) : undefined;
  if (!one || one.deleted_at) throw notFound(what, id);
  return one;
}

export const single = (query: Query, name: string): string | undefined => [query[name]].flat()[0];

export function pageOf(query: Query): Page {
  const number = (name: string, otherwise: number): number => {
    const text = single(query, name);
    if (text === undefined || text === '') return otherwise;
    if (!/^\d{1,9}$/.test(text)) throw badRequest(`${name}=${text}: it takes a whole number`);
    return Number(text);
  };
  return { limit: Math.min(Math.max(number('limit', 20), 1), LARGEST_PAGE), offset: number('offset', 0) };
}

/** Which page of a list is asked for, and of what. */
export const listOf = (
  query: Query,
): { page: Page; filter: { workspaces: string[] | undefined; deleted: boolean } } => ({
  page: pageOf(query),
  filter: { workspaces: workspacesOf(query), deleted: isTrue(query, 'includeDeleted') },
});

/** `workspaceIds`, repeated or with commas; undefined: all. */
export function workspacesOf(query: Query): string[] | undefined {
  const ids = [query.workspaceIds ?? []].flat().flatMap((one) => one.split(',').filter(Boolean));
  const wrong = ids.find((id) => !isUuid(id));
  if (wrong !== undefined) throw badRequest(`workspaceIds: ${wrong} is no id`);
  return ids.length > 0 ? ids : undefined;
}

export const isTrue = (query: Query, name: string): boolean => single(query, name) === 'true';

/** A page as Airbyte answers it. @param rows with one more than the page has, if there are more */
export function pageAnswer<T>(
  request: FastifyRequest,
  page: Page,
  rows: readonly T[],
  body: (row: T) => object,
): { data: object[]; previous: string; next: string } {
  const link = (offset: number): string => {
    const url = new URL(request.url, `${request.protocol}://${request.host}`);
    url.searchParams.set('limit', String(page.limit));
    url.searchParams.set('offset', String(offset));
    return url.href;
  };
  return {
    data: rows.slice(0, page.limit).map(body),
    previous: page.offset > 0 ? link(Math.max(0, page.offset - page.limit)) : '',
    next: rows.length > page.limit ? link(page.offset + page.limit) : '',
  };
}
