import type { BucketLifecycleConfiguration, VersioningConfiguration } from '@aws-sdk/client-s3';
import type { PlanContext, Value } from '@stack/model';
import bucket from './bucket.json';

type Output = 'endpoint' | 'lakeBucket' | 'region' | 'writerKeyId' | 'writerKey';

/** As the S3 API has it: versioned, old versions and unfinished uploads forgotten after a time. */
const { versioning, lifecycle } = bucket as {
  versioning: VersioningConfiguration;
  lifecycle: BucketLifecycleConfiguration;
};

/** Makes the buckets through the S3 API, as in the cloud. (In a compose file's stack `stack_pipeline.in_container` does.) */
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
  await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: versioning }));
  await client.send(
    new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: lifecycle }),
  );
  client.destroy();
}
