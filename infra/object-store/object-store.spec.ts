import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { TestStack, eventually } from '@stack/testing';
import { objectStore } from './service';

describe('object-store', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('object-store');
    await client('writer').send(new CreateBucketCommand({ Bucket: 'things' }));
  });
  afterAll(() => stack.remove());

  const client = (who: 'writer' | 'reader') =>
    new S3Client({
      endpoint: stack.resolve(objectStore.url('s3')),
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: {
        accessKeyId: stack.resolve(objectStore.secret(`${who}KeyId`)),
        secretAccessKey: stack.resolve(objectStore.secret(`${who}Key`)),
      },
    });
  const put = (who: 'writer' | 'reader') =>
    client(who).send(new PutObjectCommand({ Bucket: 'things', Key: 'a', Body: 'hello' }));
  const get = async (who: 'writer' | 'reader') =>
    (await client(who).send(new GetObjectCommand({ Bucket: 'things', Key: 'a' }))).Body?.transformToString();

  it('stores what the writer puts and gives it to the reader', async () => {
    expect(objectStore.ports.s3.number).toBe(8333);
    await put('writer');
    expect(await get('reader')).toBe('hello');
  });

  it("doesn't let the reader write", async () => {
    await expect(put('reader')).rejects.toMatchObject({ name: 'AccessDenied' });
  });

  it.each(['GET', 'PUT'])('refuses an anonymous %s', async (method) => {
    const response = await fetch(`${stack.resolve(objectStore.url('s3'))}/things/b`, {
      method,
      body: method === 'PUT' ? 'x' : undefined,
    });
    expect(response.status).toBe(403);
  });

  it('keeps objects when it is killed', async () => {
    await put('writer');
    process.kill((await stack.unit('object-store')).pid ?? 0, 'SIGKILL');
    expect(await eventually(() => get('reader'), 15_000)).toBe('hello');
  });
});
