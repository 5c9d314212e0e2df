import type { TaskGraph } from '@nx/devkit';
import { type BatchItem, inGraphOrder } from '../batch';

/** Does nothing for each task: what Nx itself needs for a run. */
export default async function* noopBatch(graph: TaskGraph): AsyncGenerator<BatchItem> {
  yield* inGraphOrder(graph, false, async () => 'nothing');
}
