import type { TaskGraph } from '@nx/devkit';
import { StackError } from '@stack/model';
import type { BatchItem } from '../batch';
import { type CloudOptions, inCloud } from '../in-cloud';
import { cloud } from '../cloud';

/** Says what was changed in the cloud by hand; fails when anything was. */
export default function driftBatch(
  graph: TaskGraph,
  inputs: Record<string, CloudOptions>,
): AsyncGenerator<BatchItem> {
  return inCloud(graph, inputs, async (work) => {
    const { driftOf } = cloud();
    const changes = await driftOf(work);
    if (!changes) return 'has nothing in AWS';
    if (changes.length === 0) return 'as deployed';
    throw new StackError(
      'DRIFT',
      `${work.unit} was changed by hand: ${changes.length} ${changes.length === 1 ? 'resource' : 'resources'}`,
      'a deploy puts it back as it is defined; to keep the change, write it into the definition',
      changes.map(({ action, address }) => `${action} ${address}`),
    );
  });
}
