import { GetBucketVersioningCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { TestStack } from '@stack/testing';
import { s3 } from './module';

describe('s3', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('s3');
  });
  afterAll(() => stack.remove());

  const client = () =>
    new S3Client({
      endpoint: stack.resolve(s3.output('endpoint')),
      region: stack.resolve(s3.output('region')),
      forcePathStyle: true,
      credentials: {
        accessKeyId: stack.resolve(s3.output('writerKeyId')),
        secretAccessKey: stack.resolve(s3.output('writerKey')),
      },
    });

  it('makes the lake bucket, versioned', async () => {
    const Bucket = stack.resolve(s3.output('lakeBucket'));
    expect((await client().send(new GetBucketVersioningCommand({ Bucket }))).Status).toBe('Enabled');
    const { VersionId } = await client().send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'x' }));
    expect(VersionId).toMatch(/\w+/);
  });

  it('is left alone by a second deploy, and can be applied again', async () => {
    expect((await stack.deploy('s3')).changed).toBe(false);
  });
});
