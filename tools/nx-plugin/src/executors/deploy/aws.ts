import type { TaskGraph } from '@nx/devkit';
import { StackError } from '@stack/model';
import { Loader, findWorkspace } from '@stack/runtime';
import type { Plan } from '@stack/terraform';
import { platformOf } from '../../images/platform';
import type { BatchItem } from '../batch';
import { type CloudOptions, inCloud } from '../in-cloud';
import { cloud } from '../cloud';
import { buildOwn } from '../../images/own';

/** What Fargate runs our images on (infra/ecs/fargate.ts). */
const IN_AWS = 'linux/amd64';

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
    const build = async () => {
      await buildOwn(new Loader(findWorkspace()), work.unit, platformOf(IN_AWS), work.say);
    };
    return (await applyUnit(work, agreed, () => pushImage(work, build))).summary;
  });
}
