/** Readers: services whose health says which snapshot of the data they serve. */
import { type StackPaths, readRegistry } from '@stack/runtime';

interface Reader {
  readonly unit: string;
  readonly healthUrl: string;
}

/** Milliseconds after which we stop waiting: the data is published, and a reader that is behind says why in its health. */
const PATIENCE = 60_000;

/** Waits until every reader serves the snapshot, so that whoever asks now gets the new data; says which doesn't in time. */
export async function readersServe(stack: StackPaths, snapshot: string): Promise<void> {
  const started = Date.now();
  let behind = readRegistry(stack).flatMap(({ unit, healthUrl }) => (healthUrl ? [{ unit, healthUrl }] : []));
  let spoke = started;
  for (;;) {
    const served = await Promise.all(behind.map(servedBy));
    behind = behind.filter((_, i) => served[i] !== undefined && served[i] !== snapshot);
    if (behind.length === 0) break;
    const names = behind.map(({ unit }) => unit).join(', ');
    if (Date.now() - started > PATIENCE) {
      console.log(`✘ ${names} doesn't serve the new snapshot yet → make logs s=${behind[0].unit}`);
      return;
    }
    if (Date.now() - spoke > 2_000) {
      console.log(`  … ${names} fetching the snapshot`);
      spoke = Date.now();
    }
    await new Promise((done) => setTimeout(done, 100));
  }
  console.log(`✔ readers serve snapshot ${snapshot} (${((Date.now() - started) / 1_000).toFixed(1)} s)`);
}

/** The snapshot that it serves, `null` before the first; undefined when it is no reader. */
async function servedBy({ healthUrl }: Reader): Promise<string | null | undefined> {
  try {
    const answer = (await (await fetch(healthUrl)).json()) as { snapshot?: { id: string | null } };
    return answer.snapshot?.id;
  } catch {
    return undefined;
  }
}
