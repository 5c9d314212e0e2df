import type { TaskGraph } from '@nx/devkit';
import { StackError } from '@stack/model';
import type { BatchItem } from '../batch';
import { type CloudOptions, inCloud } from '../in-cloud';
import { cloud } from '../cloud';

/** Destroys what each unit has in AWS; buckets with data only when it is forced. */
export function destroyInAws(
  graph: TaskGraph,
  inputs: Record<string, CloudOptions & { readonly force?: boolean }>,
): AsyncGenerator<BatchItem> {
  const options = Object.values(inputs);
  const yes = options.some((one) => one.yes) || process.env.CLOUD_YES === '1';
  const force = options.some((one) => one.force) || process.env.CLOUD_FORCE === '1';
  return inCloud(graph, inputs, async (work) => {
    const { destroyInCloud } = cloud();
    const agreed = () => {
      if (!yes)
        throw new StackError(
          'NOT_AGREED',
          `${work.unit}: nothing was destroyed: nobody has agreed`,
          'make destroy-prod asks',
        );
    };
    return (await destroyInCloud(work, agreed, force)).summary;
  });
}
