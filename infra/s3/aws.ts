import { aws, defineResources } from '@stack/terraform/cdktf';

/** The lake in AWS: private, encrypted, versioned, only over TLS; two policies for those who read and who write it. */
export default defineResources((stack) => {
  stack.useAws();
  const { account, region, lake } = stack.environment;
  const bucket = new aws.S3Bucket(stack, 'lake', { bucket: stack.named(`lake-${account}`) });
  const open = new aws.S3BucketPublicAccessBlock(stack, 'private', {
    bucket: bucket.id,
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  });
  new aws.S3BucketOwnershipControls(stack, 'owner', {
    bucket: bucket.id,
    rule: { objectOwnership: 'BucketOwnerEnforced' },
  });
  new aws.S3BucketEncryption(stack, 'encryption', {
    bucket: bucket.id,
    rule: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' }, bucketKeyEnabled: true }],
  });
  const versioning = new aws.S3BucketVersioning(stack, 'versioning', {
    bucket: bucket.id,
    versioningConfiguration: { status: 'Enabled' },
  });
  new aws.S3BucketLifecycleConfiguration(stack, 'lifecycle', {
    bucket: bucket.id,
    rule: [
      {
        id: 'old-versions',
        status: 'Enabled',
        filter: [{ prefix: '' }],
        noncurrentVersionExpiration: [{ noncurrentDays: lake.oldVersionsDays }],
        expiration: [{ expiredObjectDeleteMarker: true }],
        abortIncompleteMultipartUpload: [{ daysAfterInitiation: 1 }],
      },
      {
        id: 'raw-files-cool-down',
        status: 'Enabled',
        filter: [{ prefix: 'raw/' }],
        transition: [{ days: lake.infrequentAfterDays, storageClass: 'STANDARD_IA' }],
      },
    ],
    dependsOn: [versioning],
  });
  new aws.S3BucketPolicy(stack, 'tls', {
    bucket: bucket.id,
    policy: policy({
      Sid: 'OnlyOverTls',
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:*',
      Resource: [bucket.arn, `${bucket.arn}/*`],
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    }),
    dependsOn: [open],
  });
  const reading = [
    { Effect: 'Allow', Action: ['s3:ListBucket', 's3:GetBucketLocation'], Resource: bucket.arn },
    { Effect: 'Allow', Action: ['s3:GetObject', 's3:GetObjectVersion'], Resource: `${bucket.arn}/*` },
  ];
  const writing = {
    Effect: 'Allow',
    Action: ['s3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
    Resource: `${bucket.arn}/*`,
  };
  const reader = new aws.IamPolicy(stack, 'reader', {
    name: stack.named('lake-reader'),
    policy: policy(...reading),
  });
  const writer = new aws.IamPolicy(stack, 'writer', {
    name: stack.named('lake-writer'),
    policy: policy(...reading, writing),
  });
  return {
    endpoint: `https://s3.${region}.amazonaws.com`,
    lakeBucket: bucket.bucket,
    lakeArn: bucket.arn,
    region,
    readerPolicy: reader.arn,
    writerPolicy: writer.arn,
  };
});

const policy = (...statements: object[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });
