import { aws, defineResources } from '@stack/terraform/cdktf';
import { deployPolicy, trustPolicy, workloadBoundary } from './policies';

const ISSUER = 'token.actions.githubusercontent.com';

export default defineResources((stack) => {
  stack.useAws();
  const { environment, prefix } = stack;
  // One account has one provider of an issuer: of environments that share the account the first one makes it.
  const provider = environment.sharesAccount
    ? `arn:aws:iam::${environment.account}:oidc-provider/${ISSUER}`
    : new aws.IamOpenidConnectProvider(stack, 'github', {
        url: `https://${ISSUER}`,
        clientIdList: ['sts.amazonaws.com'],
      }).arn;
  const boundary = new aws.IamPolicy(stack, 'workload-boundary', {
    name: stack.named('workload-boundary'),
    description: 'The most that a role made by a deploy may be given',
    policy: JSON.stringify(workloadBoundary(environment, prefix)),
  });
  const deploy = new aws.IamPolicy(stack, 'deploy', {
    name: stack.named('deploy'),
    description: "What a deploy may do: the environment's own things, and nothing that lifts its bounds",
    policy: JSON.stringify(deployPolicy(environment, prefix)),
  });
  const role = new aws.IamRole(stack, 'deploy-role', {
    name: stack.named('deploy'),
    assumeRolePolicy: JSON.stringify(trustPolicy(environment, provider)),
    permissionsBoundary: deploy.arn,
    maxSessionDuration: 3_600,
  });
  new aws.IamRolePolicyAttachment(stack, 'deploy-policy', { role: role.name, policyArn: deploy.arn });
  return { deployRole: role.arn, workloadBoundary: boundary.arn };
});
