import { type Environment } from '@stack/terraform/environments';
import { decide } from '@stack/terraform/cdktf/iam';
import { environment, made } from '@stack/terraform/cdktf/testing';
import { githubOidc } from './module';
import { deployPolicy, trustPolicy, workloadBoundary } from './policies';

const ISSUER = 'token.actions.githubusercontent.com';
const PROVIDER = `arn:aws:iam::111122223333:oidc-provider/${ISSUER}`;
const ROLE = 'arn:aws:iam::111122223333:role/fds-prod-deploy';

/** Whether a token with that `sub` and `aud` may assume the role. */
const assume = (at: Environment, sub: string, aud = 'sts.amazonaws.com', provider = PROVIDER) =>
  decide({
    action: 'sts:AssumeRoleWithWebIdentity',
    resource: ROLE,
    principal: provider,
    context: { [`${ISSUER}:aud`]: aud, [`${ISSUER}:sub`]: sub },
    resourcePolicy: trustPolicy(at, PROVIDER),
  });

describe('github-oidc: who may assume the role', () => {
  const byEnvironment = environment();
  const byBranch = { ...environment(), deployFrom: { branch: 'main' } };

  it.each([
    ['the environment', 'repo:acme/data:environment:prod', 'Allowed'],
    ['another environment', 'repo:acme/data:environment:dev', 'ImplicitlyDenied'],
    ['the branch', 'repo:acme/data:ref:refs/heads/main', 'ImplicitlyDenied'],
    ['a pull request', 'repo:acme/data:pull_request', 'ImplicitlyDenied'],
    ['a fork', 'repo:mallory/data:environment:prod', 'ImplicitlyDenied'],
    ['a repository with a longer name', 'repo:acme/data-2:environment:prod', 'ImplicitlyDenied'],
  ])('bound to an environment: %s', async (_what, sub, expected) => {
    expect(await assume(byEnvironment, sub)).toBe(expected);
  });

  it.each([
    ['the branch', 'repo:acme/data:ref:refs/heads/main', 'Allowed'],
    ['another branch', 'repo:acme/data:ref:refs/heads/main-2', 'ImplicitlyDenied'],
    ['a tag of that name', 'repo:acme/data:ref:refs/tags/main', 'ImplicitlyDenied'],
    ['a pull request', 'repo:acme/data:pull_request', 'ImplicitlyDenied'],
    ['a fork', 'repo:mallory/data:ref:refs/heads/main', 'ImplicitlyDenied'],
  ])('bound to a branch: %s', async (_what, sub, expected) => {
    expect(await assume(byBranch, sub)).toBe(expected);
  });

  it('asks for the audience, and for this provider', async () => {
    const sub = 'repo:acme/data:environment:prod';
    expect(await assume(byEnvironment, sub, 'https://elsewhere')).toBe('ImplicitlyDenied');
    expect(await assume(byEnvironment, sub, undefined, PROVIDER.replace(ISSUER, 'evil.example'))).toBe(
      'ImplicitlyDenied',
    );
  });
});

describe('github-oidc: what a deploy may do', () => {
  const at = environment();
  const policies = [deployPolicy(at, 'fds-prod')];
  const region = { 'aws:RequestedRegion': 'eu-central-1' };
  const boundary = 'arn:aws:iam::111122223333:policy/fds-prod-workload-boundary';

  it.each([
    [
      'makes services',
      'ecs:CreateService',
      'arn:aws:ecs:eu-central-1:111122223333:service/fds-prod/web',
      region,
      'Allowed',
    ],
    [
      'not another environment’s services',
      'ecs:UpdateService',
      'arn:aws:ecs:eu-central-1:111122223333:service/fds-dev/web',
      region,
      'ImplicitlyDenied',
    ],
    [
      'reads no secret of another environment',
      'secretsmanager:GetSecretValue',
      'arn:aws:secretsmanager:eu-central-1:111122223333:secret:fds-dev/postgres/password-aBcDeF',
      region,
      'ImplicitlyDenied',
    ],
    [
      'deletes no database of another environment',
      'rds:DeleteDBInstance',
      'arn:aws:rds:eu-central-1:111122223333:db:fds-dev-postgres',
      region,
      'ImplicitlyDenied',
    ],
    [
      'reads its own secrets',
      'secretsmanager:GetSecretValue',
      'arn:aws:secretsmanager:eu-central-1:111122223333:secret:fds-prod/postgres/password-aBcDeF',
      region,
      'Allowed',
    ],
    [
      'changes its own network',
      'ec2:DeleteVpc',
      'arn:aws:ec2:eu-central-1:111122223333:vpc/vpc-1',
      { ...region, 'aws:ResourceTag/environment': 'prod' },
      'Allowed',
    ],
    [
      'not another environment’s',
      'ec2:DeleteVpc',
      'arn:aws:ec2:eu-central-1:111122223333:vpc/vpc-2',
      { ...region, 'aws:ResourceTag/environment': 'dev' },
      'ExplicitlyDenied',
    ],
    [
      'not in another region',
      'ecs:CreateService',
      'arn:aws:ecs:us-west-2:111122223333:service/x/web',
      { 'aws:RequestedRegion': 'us-west-2' },
      'ImplicitlyDenied',
    ],
    ['makes its buckets', 's3:CreateBucket', 'arn:aws:s3:::fds-prod-lake-111122223333', region, 'Allowed'],
    [
      'not another environment’s',
      's3:DeleteBucket',
      'arn:aws:s3:::fds-dev-lake-111122223333',
      region,
      'ImplicitlyDenied',
    ],
    [
      'makes a role within the bound',
      'iam:CreateRole',
      'arn:aws:iam::111122223333:role/fds-prod-web-task',
      { 'iam:PermissionsBoundary': boundary },
      'Allowed',
    ],
    [
      'no role without it',
      'iam:CreateRole',
      'arn:aws:iam::111122223333:role/fds-prod-web-task',
      {},
      'ImplicitlyDenied',
    ],
    ['no user', 'iam:CreateUser', 'arn:aws:iam::111122223333:user/fds-prod-me', {}, 'ImplicitlyDenied'],
    [
      'hands roles to tasks',
      'iam:PassRole',
      'arn:aws:iam::111122223333:role/fds-prod-web-task',
      { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' },
      'Allowed',
    ],
    [
      'and to nothing else',
      'iam:PassRole',
      'arn:aws:iam::111122223333:role/fds-prod-web-task',
      { 'iam:PassedToService': 'ec2.amazonaws.com' },
      'ImplicitlyDenied',
    ],
    ['doesn’t widen the bound', 'iam:CreatePolicyVersion', boundary, {}, 'ExplicitlyDenied'],
    ['doesn’t change who may assume it', 'iam:UpdateAssumeRolePolicy', ROLE, {}, 'ExplicitlyDenied'],
    ['looks at its own role', 'iam:GetRole', ROLE, {}, 'Allowed'],
  ] as const)('%s', async (_what, action, resource, context, expected) => {
    expect(await decide({ action, resource, context: context as Record<string, string>, policies })).toBe(
      expected,
    );
  });
});

describe('github-oidc: the bound of what a deploy makes', () => {
  const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] };
  const boundary = workloadBoundary(environment(), 'fds-prod');

  it.each([
    ['s3:GetObject', 'arn:aws:s3:::fds-prod-lake-111122223333/a', 'Allowed'],
    ['s3:GetObject', 'arn:aws:s3:::fds-prod-state-111122223333/prod/s3.tfstate', 'ImplicitlyDenied'],
    [
      'secretsmanager:GetSecretValue',
      'arn:aws:secretsmanager:eu-central-1:111122223333:secret:fds-prod/web/token-aBcDeF',
      'Allowed',
    ],
    [
      'secretsmanager:GetSecretValue',
      'arn:aws:secretsmanager:eu-central-1:111122223333:secret:other-aBcDeF',
      'ImplicitlyDenied',
    ],
    ['iam:CreateUser', 'arn:aws:iam::111122223333:user/me', 'ImplicitlyDenied'],
  ])('a role that is given everything: %s of %s is %s', async (action, resource, expected) => {
    expect(await decide({ action, resource, policies: [everything], boundary })).toBe(expected);
  });
});

describe('github-oidc in AWS', () => {
  const it_ = made(githubOidc);

  it('is the provider, one role with these policies, and the bound', () => {
    expect(it_.resource('aws_iam_openid_connect_provider')).toMatchObject({
      url: `https://${ISSUER}`,
      client_id_list: ['sts.amazonaws.com'],
    });
    const role = it_.resource('aws_iam_role');
    expect(JSON.parse(role.assume_role_policy as string)).toEqual(
      trustPolicy(environment(), '${aws_iam_openid_connect_provider.github.arn}'),
    );
    expect(role.permissions_boundary).toBe('${aws_iam_policy.deploy.arn}');
    expect(JSON.parse(it_.resource('aws_iam_policy', 'deploy').policy as string)).toEqual(
      deployPolicy(environment(), 'fds-prod'),
    );
    expect(it_.outputs).toEqual({
      deployRole: '${aws_iam_role.deploy-role.arn}',
      workloadBoundary: '${aws_iam_policy.workload-boundary.arn}',
    });
  });
});
