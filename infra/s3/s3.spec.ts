import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { TestStack } from '@stack/testing';
import { behavesAsLake } from './behaviour';
import { s3 } from './module';

describe('s3, played by the object store', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('s3');
  });
  afterAll(() => stack.remove());

  const client = (who: 'reader' | 'writer') =>
    new S3Client({
      endpoint: stack.resolve(s3.output('endpoint')),
      region: stack.resolve(s3.output('region')),
      forcePathStyle: true,
      credentials: {
        accessKeyId: stack.resolve(s3.output(`${who}KeyId`)),
        secretAccessKey: stack.resolve(s3.output(`${who}Key`)),
      },
    });
  const bucket = () => stack.resolve(s3.output('lakeBucket'));

  behavesAsLake(() => ({ client: client('writer'), Bucket: bucket() }));

  it('lets the reader read, and not write', async () => {
    const object = { Bucket: bucket(), Key: 'a' };
    await client('writer').send(new PutObjectCommand({ ...object, Body: 'x' }));
    const { Body } = await client('reader').send(new GetObjectCommand(object));
    expect(await Body?.transformToString()).toBe('x');
    await expect(client('reader').send(new PutObjectCommand({ ...object, Body: 'y' }))).rejects.toMatchObject(
      {
        name: 'AccessDenied',
      },
    );
  });

  it('is left alone by a second deploy, and can be applied again', async () => {
    expect((await stack.deploy('s3')).changed).toBe(false);
  });
});
