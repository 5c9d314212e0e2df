import {
  CreateBucketCommand,
  GetBucketVersioningCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { decide } from '@stack/terraform/cdktf/iam';
import { environment, made } from '@stack/terraform/cdktf/testing';
import { objectStore } from '@stack/object-store';
import { Moto } from '@stack/testing';
import { behavesAsLake } from './behaviour';
import { s3 } from './module';

const BUCKET = 'arn:aws:s3:::fds-prod-lake-111122223333';

describe('s3 in AWS', () => {
  const it_ = made(s3, [objectStore], environment('  lake: { oldVersionsDays: 45 }'));
  /** A policy as AWS gets it, the bucket's ARN in the place of the reference. */
  const policyOf = (type: string, name: string) =>
    JSON.parse(
      (it_.resource(type, name).policy as string).replaceAll('${aws_s3_bucket.lake.arn}', BUCKET),
    ) as object;

  it('is a private, encrypted, versioned bucket of the environment’s name', () => {
    expect(it_.resource('aws_s3_bucket').bucket).toBe('fds-prod-lake-111122223333');
    expect(it_.resource('aws_s3_bucket_public_access_block')).toMatchObject({
      block_public_acls: true,
      block_public_policy: true,
      ignore_public_acls: true,
      restrict_public_buckets: true,
    });
    expect(it_.resource('aws_s3_bucket_versioning').versioning_configuration).toEqual({ status: 'Enabled' });
    expect(JSON.stringify(it_.resource('aws_s3_bucket_server_side_encryption_configuration'))).toContain(
      'AES256',
    );
    expect(it_.resource('aws_s3_bucket_ownership_controls').rule).toEqual({
      object_ownership: 'BucketOwnerEnforced',
    });
  });

  it('forgets old versions after the environment’s days', () => {
    const [rule] = it_.resource('aws_s3_bucket_lifecycle_configuration').rule as Record<string, unknown>[];
    expect(rule).toMatchObject({
      status: 'Enabled',
      noncurrent_version_expiration: [{ noncurrent_days: 45 }],
    });
  });

  it('answers over TLS only', async () => {
    const request = {
      action: 's3:GetObject',
      resource: `${BUCKET}/a`,
      policies: [policyOf('aws_iam_policy', 'reader')],
      resourcePolicy: policyOf('aws_s3_bucket_policy', 'tls'),
    };
    expect(await decide({ ...request, context: { 'aws:SecureTransport': 'true' } })).toBe('Allowed');
    expect(await decide({ ...request, context: { 'aws:SecureTransport': 'false' } })).toBe(
      'ExplicitlyDenied',
    );
  });

  it.each([
    ['reader', 's3:GetObject', `${BUCKET}/published/latest.json`, 'Allowed'],
    ['reader', 's3:ListBucket', BUCKET, 'Allowed'],
    ['reader', 's3:PutObject', `${BUCKET}/published/latest.json`, 'ImplicitlyDenied'],
    ['reader', 's3:DeleteObject', `${BUCKET}/a`, 'ImplicitlyDenied'],
    ['reader', 's3:GetObject', 'arn:aws:s3:::fds-dev-lake-111122223333/a', 'ImplicitlyDenied'],
    ['writer', 's3:PutObject', `${BUCKET}/a`, 'Allowed'],
    ['writer', 's3:GetObject', `${BUCKET}/a`, 'Allowed'],
    ['writer', 's3:DeleteBucket', BUCKET, 'ImplicitlyDenied'],
    ['writer', 's3:PutBucketPolicy', BUCKET, 'ImplicitlyDenied'],
  ])('the %s: %s of %s is %s', async (name, action, resource, expected) => {
    expect(await decide({ action, resource, policies: [policyOf('aws_iam_policy', name)] })).toBe(expected);
  });

  it('gives what other units read', () => {
    expect(it_.outputs).toMatchObject({
      lakeBucket: '${aws_s3_bucket.lake.bucket}',
      endpoint: 'https://s3.eu-central-1.amazonaws.com',
      region: 'eu-central-1',
      writerPolicy: '${aws_iam_policy.writer.arn}',
    });
  });
});

/** The resources as Terraform's files have them, made through the SDK: AWS's provider can't be fetched everywhere. */
describe('s3 in AWS, played by moto', () => {
  const it_ = made(s3, [objectStore]);
  const Bucket = it_.resource('aws_s3_bucket').bucket as string;
  let moto: Moto;
  let client: S3Client;
  beforeAll(async () => {
    moto = await Moto.start();
    client = new S3Client({
      endpoint: moto.url,
      region: 'eu-central-1',
      forcePathStyle: true,
      credentials: { accessKeyId: 'moto', secretAccessKey: 'moto' },
    });
    const CreateBucketConfiguration = { LocationConstraint: 'eu-central-1' as const };
    await client.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration }));
    const { status: Status } = it_.resource('aws_s3_bucket_versioning').versioning_configuration as {
      status: 'Enabled';
    };
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
    interface Rule {
      readonly id: string;
      readonly noncurrent_version_expiration?: [{ noncurrent_days: number }];
      readonly abort_incomplete_multipart_upload?: [{ days_after_initiation: number }];
    }
    const [rule] = it_.resource('aws_s3_bucket_lifecycle_configuration').rule as Rule[];
    await client.send(
      new PutBucketLifecycleConfigurationCommand({
        Bucket,
        LifecycleConfiguration: {
          Rules: [
            {
              ID: rule.id,
              Status: 'Enabled',
              Filter: { Prefix: '' },
              NoncurrentVersionExpiration: {
                NoncurrentDays: rule.noncurrent_version_expiration?.[0].noncurrent_days,
              },
              AbortIncompleteMultipartUpload: {
                DaysAfterInitiation: rule.abort_incomplete_multipart_upload?.[0].days_after_initiation,
              },
            },
          ],
        },
      }),
    );
  });
  afterAll(() => moto.stop());

  behavesAsLake(() => ({ client, Bucket }));

  it('refuses who doesn’t come over TLS, as moto doesn’t', async () => {
    const Policy = (it_.resource('aws_s3_bucket_policy').policy as string).replaceAll(
      '${aws_s3_bucket.lake.arn}',
      `arn:aws:s3:::${Bucket}`,
    );
    await client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
    await expect(client.send(new GetBucketVersioningCommand({ Bucket }))).resolves.toBeDefined();
    await expect(client.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'x' }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 403 },
    });
  });
});
