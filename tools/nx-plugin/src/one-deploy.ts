/**
 * Two deploys of one checkout take turns, from Nx's start to its end. Without its daemon Nx restores cached outputs (`dist/`) by
 * removing and copying them, whatever is there: two at once stumble over each other ("Directory not empty"). With the daemon it
 * leaves them alone, so nothing is locked then; each stack's own lease does the rest.
 */
import { mkdirSync } from 'node:fs';
import * as path from 'node:path';
import { lock } from 'proper-lockfile';

/** Milliseconds after which the lock of a process that died is taken over. */
const STALE = 5_000;
const POLL = 200;

let release: (() => Promise<void>) | undefined;

/** Nx calls it before it runs tasks; what it throws ends the run. */
export async function preTasksExecution(
  _options: unknown,
  { argv, workspaceRoot }: { argv: readonly string[]; workspaceRoot: string },
): Promise<void> {
  if (process.env.NX_ON_DAEMON_PROCESS === 'true' || !deploys(argv)) return;
  const folder = path.join(workspaceRoot, '.nx');
  mkdirSync(folder, { recursive: true });
  const take = (forever: boolean) =>
    lock(folder, {
      lockfilePath: path.join(folder, 'deploy.lock'),
      stale: STALE,
      retries: forever ? { forever, minTimeout: POLL, maxTimeout: POLL } : 0,
    });
  release = await take(false).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ELOCKED') throw error;
    console.log('another deploy of this checkout is at work: waiting for it');
    return take(true);
  });
}

/** Nx calls it after its tasks, also when some failed. */
export async function postTasksExecution(): Promise<void> {
  await release?.();
  release = undefined;
}

/** Whether Nx was asked to deploy: `nx deploy x`, `nx run x:deploy`, `nx run-many -t build deploy`. */
export function deploys(argv: readonly string[]): boolean {
  return argv.slice(2).some((word) => /^([^-].*:)?deploy(:\w+)?$|^(-t|--targets?)=(.*,)?deploy\b/.test(word));
}
