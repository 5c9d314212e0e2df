/** What the lake does, whoever plays it: the local twin and moto's S3 pass the same tests, through AWS's own SDK. */
import {
  DeleteObjectCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';

/** @param lake the client of who may write, and the bucket's name; asked for when a test runs */
export function behavesAsLake(lake: () => { client: S3Client; Bucket: string }): void {
  const text = async (Key: string, VersionId?: string) => {
    const { client, Bucket } = lake();
    return (await client.send(new GetObjectCommand({ Bucket, Key, VersionId }))).Body?.transformToString();
  };
  const put = ({ client, Bucket }: ReturnType<typeof lake>, Key: string, Body: string) =>
    client.send(new PutObjectCommand({ Bucket, Key, Body }));

  it('is versioned: what is replaced or deleted can be had back', async () => {
    const { client, Bucket } = lake();
    expect((await client.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBe('Enabled');
    const { VersionId } = await put(lake(), 'behaviour/a', 'first');
    await put(lake(), 'behaviour/a', 'second');
    expect(await text('behaviour/a')).toBe('second');
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'behaviour/a' }));
    await expect(text('behaviour/a')).rejects.toMatchObject({ name: 'NoSuchKey' });
    expect(await text('behaviour/a', VersionId)).toBe('first');
    const { Versions = [], DeleteMarkers = [] } = await client.send(
      new ListObjectVersionsCommand({ Bucket, Prefix: 'behaviour/' }),
    );
    expect([Versions.length, DeleteMarkers.length]).toEqual([2, 1]);
  });

  it('forgets old versions and unfinished uploads after a time', async () => {
    const { client, Bucket } = lake();
    const { Rules = [] } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
    const rule = Rules.find(({ ID }) => ID === 'old-versions');
    expect(rule).toMatchObject({
      Status: 'Enabled',
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
    });
    expect(rule?.NoncurrentVersionExpiration?.NoncurrentDays).toBeGreaterThan(0);
  });
}
