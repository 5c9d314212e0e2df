/** Buckets that a destroy would take with what is in them. */
import { StackError } from '@stack/model';
import type { State } from './terraform';

/** Names of the buckets in a state. */
export const bucketsIn = (state: State | undefined): string[] =>
  (state?.resources ?? [])
    .filter(({ type, mode }) => type === 'aws_s3_bucket' && mode === 'managed')
    .flatMap(({ instances }) => (instances ?? []).map(({ attributes }) => String(attributes?.bucket ?? '')))
    .filter(Boolean);

async function client(region: string) {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const sdk = await import('@aws-sdk/client-s3');
  const forcePathStyle = process.env.AWS_ENDPOINT_URL !== undefined;
  return { sdk, s3: new sdk.S3Client({ region, forcePathStyle }) };
}

/**
 * Refuses when a bucket has an object, also an old version of one.
 * @throws StackError naming the buckets
 */
export async function refuseFullBuckets(buckets: readonly string[], region: string): Promise<void> {
  const { sdk, s3 } = await client(region);
  const full: string[] = [];
  for (const Bucket of buckets) {
    try {
      const { Versions = [], DeleteMarkers = [] } = await s3.send(
        new sdk.ListObjectVersionsCommand({ Bucket, MaxKeys: 1 }),
      );
      if (Versions.length + DeleteMarkers.length > 0) full.push(Bucket);
    } catch (error) {
      if (!(error instanceof sdk.NoSuchBucket) && (error as Error).name !== 'NoSuchBucket') throw error;
    }
  }
  s3.destroy();
  if (full.length > 0)
    throw new StackError(
      'BUCKETS_NOT_EMPTY',
      `there is data in ${full.join(', ')}: nothing was destroyed`,
      'take it away first, or destroy it with the rest: FORCE=1',
    );
}

/** Deletes every version of every object. */
export async function emptyBucket(Bucket: string, region: string): Promise<number> {
  const { sdk, s3 } = await client(region);
  let deleted = 0;
  for (;;) {
    // What was listed is gone by the next turn, so that each begins at the beginning.
    const page = await s3.send(new sdk.ListObjectVersionsCommand({ Bucket }));
    const Objects = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(({ Key, VersionId }) => ({
      Key,
      VersionId,
    }));
    if (Objects.length === 0) break;
    const { Errors = [] } = await s3.send(
      new sdk.DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }),
    );
    if (Errors.length > 0)
      throw new StackError(
        'NOT_DELETED',
        `${Bucket}: ${Errors[0].Key}: ${Errors[0].Message}`,
        'repeat the command',
      );
    deleted += Objects.length;
  }
  s3.destroy();
  return deleted;
}
