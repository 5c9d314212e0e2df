import { TestStack, eventually } from '@stack/testing';
import { Client } from 'pg';
import { postgres } from './service';

describe('postgres', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('postgres');
  });
  afterAll(() => stack.remove());

  const query = async (sql: string) => {
    const client = new Client({
      connectionString: stack.resolve(postgres.url('sql', { database: 'postgres' })),
    });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(sql)).rows as Record<string, unknown>[];
    } finally {
      await client.end().catch(() => undefined);
    }
  };

  it('answers its own client at the address of its definition', async () => {
    expect(postgres.ports.sql.number).toBe(5432);
    expect(await query('select 1 + 1 as two')).toEqual([{ two: 2 }]);
  });

  it('refuses a wrong password', async () => {
    const url = new URL(stack.resolve(postgres.url('sql', { database: 'postgres' })));
    url.password = 'postgres';
    const client = new Client({ connectionString: url.href });
    await expect(client.connect()).rejects.toThrow('password authentication failed');
  });

  it('keeps its data and comes back when it is killed', async () => {
    await query('create table kept as select 42 as answer');
    const { pid } = await stack.unit('postgres');
    process.kill(pid ?? 0, 'SIGKILL');
    expect(await eventually(() => query('select answer from kept'))).toEqual([{ answer: 42 }]);
    expect((await stack.unit('postgres')).pid).not.toBe(pid);
  });

  it('is left alone by a second deploy', async () => {
    const { pid } = await stack.unit('postgres');
    expect(await stack.deploy('postgres')).toEqual({ changed: false, summary: 'unchanged' });
    expect((await stack.unit('postgres')).pid).toBe(pid);
  });
});
