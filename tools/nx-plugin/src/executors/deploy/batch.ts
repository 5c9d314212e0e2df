import type { TaskGraph } from '@nx/devkit';
import { deployUnit } from '@stack/runtime';
import type { BatchItem } from '../batch';
import { type DeployOptions, inSession } from '../in-session';

/** Deploys every unit of the batch. */
export default function deployBatch(
  graph: TaskGraph,
  inputs: Record<string, DeployOptions>,
): AsyncGenerator<BatchItem> {
  return inSession(graph, inputs, deployUnit);
}
