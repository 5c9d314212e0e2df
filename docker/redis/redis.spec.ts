import { createClient } from '@redis/client';
import { TestStack, eventually } from '@stack/testing';
import { redis } from './service';

const connect = (url: string) => createClient({ url, socket: { reconnectStrategy: false } });
type Client = ReturnType<typeof connect>;

describe('redis', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('redis');
  });
  afterAll(() => stack.remove());

  const withClient = async <T>(url: string, work: (client: Client) => Promise<T>): Promise<T> => {
    const client = connect(url);
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      client.destroy();
    }
  };

  it('answers its own client at the address of its definition', async () => {
    expect(redis.ports.redis.number).toBe(6379);
    expect(await withClient(stack.resolve(redis.url('redis')), (client) => client.ping())).toBe('PONG');
  });

  it('refuses a client without the password', async () => {
    const url = `redis://${stack.resolve(redis.address('redis'))}`;
    await expect(withClient(url, (client) => client.get('x'))).rejects.toThrow('NOAUTH');
  });

  it('keeps what was written when it is killed', async () => {
    const url = stack.resolve(redis.url('redis'));
    await withClient(url, (client) => client.set('kept', 'yes'));
    process.kill((await stack.unit('redis')).pid ?? 0, 'SIGKILL');
    expect(await eventually(() => withClient(url, (client) => client.get('kept')))).toBe('yes');
  });
});
