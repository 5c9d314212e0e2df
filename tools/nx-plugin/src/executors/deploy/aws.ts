import type { TaskGraph } from '@nx/devkit';
import { StackError } from '@stack/model';
import type { Plan } from '@stack/terraform';
import type { BatchItem } from '../batch';
import { type CloudOptions, inCloud } from '../in-cloud';
import { cloud } from '../cloud';

/** Plans and applies each unit, its image pushed before; only with leave, since nobody can be asked from here. */
export function deployInAws(
  graph: TaskGraph,
  inputs: Record<string, CloudOptions>,
): AsyncGenerator<BatchItem> {
  const yes = Object.values(inputs).some((options) => options.yes) || process.env.CLOUD_YES === '1';
  return inCloud(graph, inputs, async (work) => {
    const { applyUnit, pushImage, refuseUnseen } = cloud();
    const agreed = (plan: Plan) => {
      if (!yes)
        throw new StackError(
          'NOT_AGREED',
          `${work.unit}: nothing was applied: nobody has agreed to the changes above`,
          'make deploy-prod asks; in CI: --yes',
        );
      refuseUnseen(work, plan);
    };
    return (await applyUnit(work, agreed, () => pushImage(work))).summary;
  });
}
