import { decide } from '@stack/terraform/cdktf/iam';
import { environment, made } from '@stack/terraform/cdktf/testing';
import { objectStore } from '@stack/object-store';
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
