import { z } from 'zod';
import { ToolError } from './errors';

/** Most entries of a page, and what a caller gets who says nothing. */
const [MOST, USUAL] = [200, 50];

/** Fields of the input of a tool that lists something. */
export const paged = {
  limit: z.number().int().min(1).max(MOST).default(USUAL).describe(`entries at once, at most ${MOST}`),
  cursor: z
    .string()
    .max(200)
    .optional()
    .describe('`nextCursor` of the answer before: goes on where it ended'),
};

/** Fields of its output: how many there are, and how to get the others. */
export const more = {
  total: z.number().int().optional().describe('how many there are, if that is known'),
  nextCursor: z.string().optional().describe('there are more: call again with it as `cursor`'),
};

export interface Page<T> {
  readonly entries: readonly T[];
  readonly total: number;
  readonly nextCursor?: string;
}

/**
 * A page of a list that is known whole.
 * @throws ToolError when the cursor is none of ours
 */
export function pageOf<T>(all: readonly T[], { limit, cursor }: { limit: number; cursor?: string }): Page<T> {
  const from = offsetOf(cursor);
  const entries = all.slice(from, from + limit);
  const nextCursor = from + limit < all.length ? cursorOf(from + limit) : undefined;
  return { entries, total: all.length, ...(nextCursor && { nextCursor }) };
}

/** A cursor that stands for a number of entries that were had. */
export const cursorOf = (offset: number): string => Buffer.from(`offset:${offset}`).toString('base64url');

/** @throws ToolError when the cursor is none of ours */
export function offsetOf(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  const [, offset] = /^offset:(\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (offset !== undefined) return Number(offset);
  throw new ToolError(
    'bad_cursor',
    'this cursor is from no answer of this tool',
    'leave `cursor` out to begin anew',
  );
}
