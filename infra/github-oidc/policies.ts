/** The policies of deploys, as data, so that tests evaluate what goes to AWS. */
import type { Environment } from '@stack/terraform/environments';

const ISSUER = 'token.actions.githubusercontent.com';

export interface Policy {
  readonly Version: '2012-10-17';
  readonly Statement: readonly object[];
}

const policy = (...Statement: object[]): Policy => ({ Version: '2012-10-17', Statement });

/** What GitHub writes into a token's `sub` for the workflows that may deploy. */
export function subject({ repository, deployFrom }: Environment): string {
  return 'environment' in deployFrom
    ? `repo:${repository}:environment:${deployFrom.environment}`
    : `repo:${repository}:ref:refs/heads/${deployFrom.branch}`;
}

/** Who may assume the role: exactly that repository's environment or branch; no fork, no pull request, no other branch. */
export const trustPolicy = (environment: Environment, provider: string): Policy =>
  policy({
    Effect: 'Allow',
    Principal: { Federated: provider },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: {
      StringEquals: { [`${ISSUER}:aud`]: 'sts.amazonaws.com', [`${ISSUER}:sub`]: subject(environment) },
    },
  });

/** The most that a service's role may be given: the environment's data, secrets and logs. */
export const workloadBoundary = ({ account, region }: Environment, prefix: string): Policy =>
  policy(
    {
      Effect: 'Allow',
      Action: [
        's3:GetObject*',
        's3:PutObject',
        's3:DeleteObject',
        's3:AbortMultipartUpload',
        's3:ListMultipartUploadParts',
      ],
      Resource: `arn:aws:s3:::${prefix}-lake-*/*`,
    },
    {
      Effect: 'Allow',
      Action: ['s3:ListBucket', 's3:GetBucketLocation'],
      Resource: `arn:aws:s3:::${prefix}-lake-*`,
    },
    {
      Effect: 'Allow',
      Action: 'secretsmanager:GetSecretValue',
      Resource: `arn:aws:secretsmanager:${region}:${account}:secret:${prefix}/*`,
    },
    {
      Effect: 'Allow',
      Action: 'kms:Decrypt',
      Resource: `arn:aws:kms:${region}:${account}:key/*`,
      Condition: { StringEquals: { 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` } },
    },
    {
      Effect: 'Allow',
      Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      Resource: `arn:aws:logs:${region}:${account}:log-group:/${prefix}/*`,
    },
    {
      Effect: 'Allow',
      Action: [
        'ecr:GetAuthorizationToken',
        'ecr:BatchGetImage',
        'ecr:GetDownloadUrlForLayer',
        'ecr:BatchCheckLayerAvailability',
      ],
      Resource: '*',
    },
    {
      Effect: 'Allow',
      Action: ['elasticfilesystem:ClientMount', 'elasticfilesystem:ClientWrite'],
      Resource: `arn:aws:elasticfilesystem:${region}:${account}:file-system/*`,
    },
  );

/** Services of AWS whose things have names of ours in their ARN: a deploy has those of its own environment only. */
const NAMED: Readonly<Record<string, (prefix: string) => readonly string[]>> = {
  secretsmanager: (prefix) => [`secret:${prefix}/*`],
  rds: (prefix) => ['db', 'subgrp', 'snapshot', 'pg', 'og'].map((kind) => `${kind}:${prefix}-*`),
  ecr: (prefix) => [`repository/${prefix}/*`],
  ecs: (prefix) => [
    `cluster/${prefix}`,
    `service/${prefix}/*`,
    `task/${prefix}/*`,
    `task-definition/${prefix}-*`,
  ],
  logs: (prefix) => [`log-group:/${prefix}/*`],
};

/** Services whose things have numbers for names; those of another environment are told by their tag. */
const NUMBERED = [
  'application-autoscaling',
  'cloudwatch',
  'ec2',
  'elasticfilesystem',
  'elasticloadbalancing',
  'kms',
  'route53',
  'servicediscovery',
];

/** What can't be asked of one thing: lists, logins, definitions that are only written. */
const UNBOUND = [
  'ecr:GetAuthorizationToken',
  'ecs:CreateCluster',
  'ecs:DeregisterTaskDefinition',
  'ecs:Describe*',
  'ecs:List*',
  'ecs:RegisterTaskDefinition',
  'logs:Describe*',
  'logs:List*',
  'rds:Describe*',
  'rds:List*',
  'secretsmanager:GetRandomPassword',
  'secretsmanager:ListSecrets',
];

/** Beginnings of the actions that change something. */
const CHANGES = [
  'Add',
  'Attach',
  'Create',
  'Delete',
  'Detach',
  'Put',
  'Remove',
  'Set',
  'Tag',
  'Untag',
  'Update',
];

/**
 * What a deploy may do; also the bound of its role. It makes roles only within the workloads' bound, and changes neither that
 * bound nor its own policy nor who may assume it.
 */
export const deployPolicy = ({ account, region, name }: Environment, prefix: string): Policy => {
  const own = (kind: string) => `arn:aws:iam::${account}:${kind}/${prefix}-*`;
  const boundary = `arn:aws:iam::${account}:policy/${prefix}-workload-boundary`;
  return policy(
    ...Object.entries(NAMED).map(([service, names]) => ({
      Effect: 'Allow',
      Action: `${service}:*`,
      Resource: names(prefix).map((name) => `arn:aws:${service}:${region}:${account}:${name}`),
    })),
    {
      Sid: 'InItsRegion',
      Effect: 'Allow',
      Action: [
        ...UNBOUND,
        ...NUMBERED.filter((service) => service !== 'route53').map((service) => `${service}:*`),
      ],
      Resource: '*',
      Condition: { StringEquals: { 'aws:RequestedRegion': region } },
    },
    // It has no regions; the names within the network are made there.
    { Sid: 'Names', Effect: 'Allow', Action: 'route53:*', Resource: '*' },
    {
      Sid: 'NotAnotherEnvironments',
      Effect: 'Deny',
      Action: [...NUMBERED, ...Object.keys(NAMED)].map((service) => `${service}:*`),
      Resource: '*',
      Condition: {
        StringNotEquals: { 'aws:ResourceTag/environment': name },
        Null: { 'aws:ResourceTag/environment': 'false' },
      },
    },
    {
      Sid: 'ItsBuckets',
      Effect: 'Allow',
      Action: 's3:*',
      Resource: [`arn:aws:s3:::${prefix}-*`, `arn:aws:s3:::${prefix}-*/*`],
    },
    {
      Sid: 'ItsTables',
      Effect: 'Allow',
      Action: 'dynamodb:*',
      Resource: `arn:aws:dynamodb:${region}:${account}:table/${prefix}-*`,
    },
    {
      Sid: 'Looks',
      Effect: 'Allow',
      Action: ['iam:Get*', 'iam:List*', 'sts:GetCallerIdentity', 's3:ListAllMyBuckets'],
      Resource: '*',
    },
    {
      Sid: 'RolesWithinTheBound',
      Effect: 'Allow',
      Action: [
        'iam:CreateRole',
        'iam:PutRolePermissionsBoundary',
        'iam:PutRolePolicy',
        'iam:AttachRolePolicy',
        'iam:DetachRolePolicy',
        'iam:DeleteRolePolicy',
      ],
      Resource: own('role'),
      Condition: { StringEquals: { 'iam:PermissionsBoundary': boundary } },
    },
    {
      Sid: 'ItsRolesAndPolicies',
      Effect: 'Allow',
      Action: [
        'iam:DeleteRole',
        'iam:TagRole',
        'iam:UntagRole',
        'iam:UpdateRole',
        'iam:UpdateAssumeRolePolicy',
        'iam:CreatePolicy',
        'iam:CreatePolicyVersion',
        'iam:DeletePolicy',
        'iam:DeletePolicyVersion',
        'iam:TagPolicy',
        'iam:UntagPolicy',
      ],
      Resource: [own('role'), own('policy')],
    },
    {
      Sid: 'HandsRolesToTasks',
      Effect: 'Allow',
      Action: 'iam:PassRole',
      Resource: own('role'),
      Condition: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
    },
    {
      Sid: 'LinkedRoles',
      Effect: 'Allow',
      Action: 'iam:CreateServiceLinkedRole',
      Resource: `arn:aws:iam::${account}:role/aws-service-role/*`,
    },
    {
      Sid: 'NeverItsOwnBounds',
      Effect: 'Deny',
      Action: CHANGES.map((kind) => `iam:${kind}*`),
      Resource: [
        boundary,
        `arn:aws:iam::${account}:policy/${prefix}-deploy`,
        `arn:aws:iam::${account}:role/${prefix}-deploy`,
        `arn:aws:iam::${account}:oidc-provider/*`,
      ],
    },
  );
};
