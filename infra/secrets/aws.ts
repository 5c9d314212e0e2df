import { aws, defineResources } from '@stack/terraform/cdktf';

/** The key that encrypts every secret of the environment; the secrets themselves belong to the units that have them. */
export default defineResources((stack) => {
  stack.useAws();
  const key = new aws.KmsKey(stack, 'key', {
    description: `Secrets of ${stack.prefix}`,
    enableKeyRotation: true,
    deletionWindowInDays: 30,
  });
  new aws.KmsAlias(stack, 'alias', { name: `alias/${stack.prefix}-secrets`, targetKeyId: key.keyId });
  return { keyArn: key.arn, dir: `${stack.prefix}/` };
});
