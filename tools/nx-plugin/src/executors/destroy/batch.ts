import type { TaskGraph } from '@nx/devkit';
import { destroyInDocker, destroyUnit, openDockerSession, openSession } from '@stack/runtime';
import type { BatchItem } from '../batch';
import { destroyInAws } from './aws';
import type { CloudOptions } from '../in-cloud';
import { type DeployOptions, inSession } from '../in-session';

/** Destroys every unit of the batch. */
export default async function* destroyBatch(
  graph: TaskGraph,
  inputs: Record<string, DeployOptions & CloudOptions & { readonly force?: boolean }>,
): AsyncGenerator<BatchItem> {
  if (Object.values(inputs).some(({ runtime }) => runtime === 'aws')) {
    yield* destroyInAws(graph, inputs);
  } else if (Object.values(inputs).some(({ runtime }) => runtime === 'docker')) {
    yield* inSession(graph, inputs, openDockerSession, destroyInDocker);
  } else yield* inSession(graph, inputs, openSession, destroyUnit);
}
