/** Messages of Terraform and AWS's provider, as they come, and what a user is told. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { explain } from './diagnostics';
import { Terraform } from './terraform';

const LOCKED = `Error acquiring the state lock
Error message: operation error DynamoDB: PutItem, https response error StatusCode: 400, ConditionalCheckFailedException: The conditional request failed
Lock Info:
  ID:        f2a7b9c0-5d1e-4a3b-9c8d-000000000001
  Path:      acme-prod-state/prod/s3.tfstate
  Operation: OperationTypeApply
  Who:       ada@laptop
  Version:   1.11.4
  Created:   2026-11-25 09:00:00 +0000 UTC`;

describe('what a user is told', () => {
  it.each([
    [
      'STATE_LOCKED',
      LOCKED,
      /locked by ada@laptop \(OperationTypeApply, since 2026-11-25/,
      /make state-unlock UNIT=s3 ID=f2a7b9c0/,
    ],
    [
      'NO_CREDENTIALS',
      'No valid credential sources found\nPlease see https://registry.terraform.io/providers/hashicorp/aws',
      /no credentials for AWS/,
      /aws sso login/,
    ],
    [
      'CREDENTIALS_EXPIRED',
      'Retrieving AWS account details: operation error STS: GetCallerIdentity, api error ExpiredToken: The security token included in the request is expired',
      /have expired/,
      /log in again/,
    ],
    ['WRONG_ACCOUNT', 'AWS account ID not allowed: 999988887777', /account 999988887777/, /AWS_PROFILE/],
    [
      'BUCKET_TAKEN',
      'creating S3 Bucket (fds-prod-lake): operation error S3: CreateBucket, BucketAlreadyExists:',
      /exists already/,
      /another `project`/,
    ],
    [
      'WRONG_REGION',
      'operation error S3: CreateBucket, api error IllegalLocationConstraintException: The us-east-1 location constraint is incompatible',
      /another region/,
      /correct `region`/,
    ],
    [
      'NOT_ALLOWED',
      'api error AccessDenied: User: arn:aws:iam::1:user/x is not authorized to perform: ecs:CreateCluster',
      /doesn't allow it/,
      /policies\.ts/,
    ],
    [
      'NO_PROVIDER',
      'Failed to query available provider packages\nCould not retrieve the list of available versions for provider hashicorp/aws',
      /can't be fetched/,
      /HTTPS_PROXY/,
    ],
    ['PLAN_STALE', 'Saved plan is stale', /after the plan was made/, /plans again/],
  ])('%s', (code, said, message, remedy) => {
    const error = explain('apply', [said], 's3');
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(message);
    expect(error.remedy).toMatch(remedy);
  });

  it('is Terraform’s own text where it isn’t known, without its frame', () => {
    const error = explain(
      'plan',
      ['╷\n│ Error: Unsupported argument\n│ \n│   on main.tf.json line 3\n╵'],
      's3',
    );
    expect(error).toMatchObject({ code: 'TERRAFORM_FAILED', message: 's3: terraform plan failed' });
    expect(error.details).toEqual(['Error: Unsupported argument', 'on main.tf.json line 3']);
  });
});

describe('terraform’s version', () => {
  const before = process.env.PATH;
  const folder = mkdtempSync(path.join(tmpdir(), 'terraform-'));
  afterEach(() => {
    process.env.PATH = before;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is asked for when there is none', async () => {
    process.env.PATH = folder;
    await expect(Terraform.version()).rejects.toMatchObject({
      code: 'NO_TERRAFORM',
      remedy: expect.stringContaining('install') as string,
    });
  });

  it('must be new enough', async () => {
    const program = path.join(folder, 'terraform');
    writeFileSync(program, '#!/bin/sh\necho \'{"terraform_version": "1.5.7"}\'\n');
    chmodSync(program, 0o755);
    process.env.PATH = `${folder}:${before}`;
    await expect(Terraform.version()).rejects.toMatchObject({
      code: 'TERRAFORM_TOO_OLD',
      message: 'terraform 1.5.7 is too old: 1.11 or newer is needed',
    });
  });
});
