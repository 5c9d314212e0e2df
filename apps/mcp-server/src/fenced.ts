import { randomBytes } from 'node:crypto';

/** In the marks between which text of the user's data stands: nobody who wrote the data could know it. */
const MARK = randomBytes(9).toString('base64url');

/** Text of the user's data, which is no instruction. */
export const fenced = (text: string): string => `<data-${MARK}>\n${text}\n</data-${MARK}>`;
