import type { TaskGraph } from '@nx/devkit';
import { destroyUnit } from '@stack/runtime';
import type { BatchItem } from '../batch';
import { type DeployOptions, inSession } from '../in-session';

/** Destroys every unit of the batch. */
export default function destroyBatch(
  graph: TaskGraph,
  inputs: Record<string, DeployOptions>,
): AsyncGenerator<BatchItem> {
  return inSession(graph, inputs, destroyUnit);
}
