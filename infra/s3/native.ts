import type { PlanContext, Value } from '@stack/model';

type Output = 'endpoint' | 'lakeBucket' | 'region' | 'writerKeyId' | 'writerKey';

/** Days after which a replaced object's old version goes. */
const OLD_VERSIONS_DAYS = 7;

/** Makes the buckets through the S3 API, as in the cloud: versioned, old versions and unfinished uploads forgotten after a time. */
export async function applyBuckets(context: PlanContext, outputs: Record<Output, Value>): Promise<void> {
  // Its warning about Node 20's end of life would stand in every deploy's output.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const {
    BucketAlreadyOwnedByYou,
    CreateBucketCommand,
    PutBucketLifecycleConfigurationCommand,
    PutBucketVersioningCommand,
    S3Client,
  } = await import('@aws-sdk/client-s3');
  const value = (name: Output) => context.resolve(outputs[name]);
  const client = new S3Client({
    endpoint: value('endpoint'),
    region: value('region'),
    forcePathStyle: true,
    credentials: { accessKeyId: value('writerKeyId'), secretAccessKey: value('writerKey') },
  });
  const Bucket = value('lakeBucket');
  try {
    await client.send(new CreateBucketCommand({ Bucket }));
  } catch (error) {
    if (!(error instanceof BucketAlreadyOwnedByYou) && (error as Error).name !== 'BucketAlreadyExists')
      throw error;
  }
  await client.send(
    new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  await client.send(
    new PutBucketLifecycleConfigurationCommand({
      Bucket,
      LifecycleConfiguration: {
        Rules: [
          {
            ID: 'old-versions',
            Status: 'Enabled',
            Filter: { Prefix: '' },
            NoncurrentVersionExpiration: { NoncurrentDays: OLD_VERSIONS_DAYS },
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
          },
        ],
      },
    }),
  );
  client.destroy();
}
