import { isOwnImage } from '@stack/model';
import { aws, defineResources, repositoryOf } from '@stack/terraform/cdktf';

/** Images that stay besides those with a tag of a release. */
const KEEP = 20;

/** A repository for each image of ours. An image gets there under the commit it was built from. */
export default defineResources((stack) => {
  stack.useAws();
  const services = stack.units.flatMap((unit) =>
    unit.kind === 'service' && unit.docker && isOwnImage(unit.docker.image) ? [unit.name] : [],
  );
  for (const name of services) {
    const repository = new aws.EcrRepository(stack, name, {
      name: repositoryOf(stack.environment, name).repository,
      imageTagMutability: 'IMMUTABLE',
      // Images are built again from the commit that they are called after.
      forceDelete: true,
      imageScanningConfiguration: { scanOnPush: true },
      encryptionConfiguration: [{ encryptionType: 'AES256' }],
    });
    new aws.EcrLifecyclePolicy(stack, `${name}-lifecycle`, {
      repository: repository.name,
      policy: JSON.stringify({
        rules: [
          {
            rulePriority: 1,
            description: 'Layers that no image has',
            selection: {
              tagStatus: 'untagged',
              countType: 'sinceImagePushed',
              countUnit: 'days',
              countNumber: 1,
            },
            action: { type: 'expire' },
          },
          {
            rulePriority: 2,
            description: 'All but the newest',
            selection: { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: KEEP },
            action: { type: 'expire' },
          },
        ],
      }),
    });
  }
  return { registry: repositoryOf(stack.environment, '').registry };
});
