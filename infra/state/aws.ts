import { aws, defineResources } from '@stack/terraform/cdktf';

/** Days for which a former state can be had back. */
const HISTORY = 90;

/**
 * Bucket and table of the remote backend. Terraform locks with a file in the bucket (from 1.10 on) and, as long as it still
 * can, with the table as well, so that an older Terraform of a colleague's is held off too.
 */
export default defineResources((stack) => {
  stack.useAws();
  const { account, region } = stack.environment;
  const bucket = new aws.S3Bucket(stack, 'states', { bucket: stack.named(`state-${account}`) });
  bucket.addOverride('lifecycle.prevent_destroy', true);
  const open = new aws.S3BucketPublicAccessBlock(stack, 'private', {
    bucket: bucket.id,
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  });
  new aws.S3BucketEncryption(stack, 'encryption', {
    bucket: bucket.id,
    rule: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }],
  });
  const versioning = new aws.S3BucketVersioning(stack, 'versioning', {
    bucket: bucket.id,
    versioningConfiguration: { status: 'Enabled' },
  });
  new aws.S3BucketLifecycleConfiguration(stack, 'lifecycle', {
    bucket: bucket.id,
    rule: [
      {
        id: 'history',
        status: 'Enabled',
        filter: [{ prefix: '' }],
        noncurrentVersionExpiration: [{ noncurrentDays: HISTORY }],
      },
    ],
    dependsOn: [versioning],
  });
  new aws.S3BucketPolicy(stack, 'tls', {
    bucket: bucket.id,
    policy: JSON.stringify({
      Version: '2012-10-17',
      Statement: {
        Sid: 'OnlyOverTls',
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [bucket.arn, `${bucket.arn}/*`],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    }),
    dependsOn: [open],
  });
  const table = new aws.DynamodbTable(stack, 'locks', {
    name: stack.named('locks'),
    billingMode: 'PAY_PER_REQUEST',
    hashKey: 'LockID',
    attribute: [{ name: 'LockID', type: 'S' }],
    pointInTimeRecovery: { enabled: true },
    deletionProtectionEnabled: true,
  });
  return { bucket: bucket.bucket, table: table.name, region };
});
