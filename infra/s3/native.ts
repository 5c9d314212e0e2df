import type { PlanContext, Value } from '@stack/model';

type Output = 'endpoint' | 'lakeBucket' | 'region' | 'writerKeyId' | 'writerKey';

/** Makes the buckets through the S3 API, as in the cloud, and turns versioning on. */
export async function applyBuckets(context: PlanContext, outputs: Record<Output, Value>): Promise<void> {
  // Its warning about Node 20's end of life would stand in every deploy's output.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const { BucketAlreadyOwnedByYou, CreateBucketCommand, PutBucketVersioningCommand, S3Client } =
    await import('@aws-sdk/client-s3');
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
  client.destroy();
}
