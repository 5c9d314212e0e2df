import { z } from 'zod';

/** Field of the input of a tool that starts something. */
export const wait = z
  .number()
  .int()
  .min(0)
  .max(600)
  .default(0)
  .describe('seconds to wait for its end; 0 returns at once');
