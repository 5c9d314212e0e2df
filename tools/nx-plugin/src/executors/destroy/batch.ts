import type { ExecutorContext, TaskGraph } from '@nx/devkit';
import { type Session, destroyUnit, openSession } from '@stack/runtime';
import { type BatchItem, inGraphOrder } from '../batch';
import { type DeployOptions, refuseUnbuilt } from '../deploy/batch';

/** Destroys every unit of the batch in one session. */
export default async function* destroyBatch(
  graph: TaskGraph,
  inputs: Record<string, DeployOptions>,
  _overrides: DeployOptions,
  _context: ExecutorContext,
): AsyncGenerator<BatchItem> {
  let session: Promise<Session> | undefined;
  const verbose = Object.values(inputs).some((options) => options.verbose);
  try {
    yield* inGraphOrder(graph, verbose, async (project, say, id) => {
      refuseUnbuilt(inputs[id].runtime);
      const { summary } = await destroyUnit(await (session ??= openSession(say)), project, say);
      return summary;
    });
  } finally {
    await session?.then((opened) => opened.close()).catch(() => undefined);
  }
}
