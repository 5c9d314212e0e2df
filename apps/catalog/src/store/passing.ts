/** PostgreSQL says so when two transactions wait for each other, or it was restarted under one. */
const PASSING = new Set([
  '40P01',
  '40001',
  '57P01',
  '57P02',
  '57P03',
  '08006',
  '08003',
  'ECONNRESET',
  'ECONNREFUSED',
]);

/** Whether the same may succeed when it is tried again. */
export const isPassing = (error: unknown): boolean => PASSING.has(String((error as { code?: unknown }).code));

/** Waits a while, longer with each attempt. */
export const pause = (attempt: number): Promise<void> =>
  new Promise((done) => setTimeout(done, 50 * 2 ** attempt));
