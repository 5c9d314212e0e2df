export { Link } from './link';
export { findWeed, ObjectStore } from './object-store';
export {
  flightTables,
  type Lake,
  lakeOf,
  publish,
  type PublishOptions,
  type TableToPublish,
} from './publish';
export { realFlights } from './real-flights';

/** Waits until `condition` holds, asking every 20 ms. @throws Error with `what` after `timeoutMs` (45 s) */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 45_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
