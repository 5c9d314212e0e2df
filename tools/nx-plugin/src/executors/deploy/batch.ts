import type { TaskGraph } from '@nx/devkit';
import { deployUnit, openDockerSession, openSession } from '@stack/runtime';
import type { BatchItem } from '../batch';
import { deployInAws } from './aws';
import type { CloudOptions } from '../in-cloud';
import { buildAndDeploy } from '../../images/own';
import { type DeployOptions, inSession } from '../in-session';

/** Deploys every unit of the batch. */
export default async function* deployBatch(
  graph: TaskGraph,
  inputs: Record<string, DeployOptions & CloudOptions>,
): AsyncGenerator<BatchItem> {
  if (Object.values(inputs).some(({ runtime }) => runtime === 'aws')) {
    yield* deployInAws(graph, inputs);
  } else if (Object.values(inputs).some(({ runtime }) => runtime === 'docker')) {
    yield* inSession(graph, inputs, openDockerSession, buildAndDeploy);
  } else yield* inSession(graph, inputs, openSession, deployUnit);
}
