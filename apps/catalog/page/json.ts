/** Aspects are what somebody told: each field may be missing, or of another type. */

export const text = (value: unknown): string =>
  typeof value === 'string' ? value : value === undefined || value === null ? '' : String(value);
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
export const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};

/** Milliseconds of a stamp, or of the last of two; 0 is none. */
export function timeOf(value: unknown): number {
  const { time, lastModified } = record(value);
  return Number(time ?? record(lastModified).time ?? 0);
}
