import { leases } from '@stack/postgres';
import { TestStack } from '@stack/testing';
import { Client } from 'pg';
import { withLease } from './lease';

/** Locks as orchestration/stack_pipeline/lease.py does. */
const LOCK = "hashtext('lease warehouse')";

describe('the lease where there is no supervisor', () => {
  let stack: TestStack;
  let url: string;
  const other = async (): Promise<Client> => {
    const client = new Client({ connectionString: url, application_name: 'somebody else' });
    await client.connect();
    return client;
  };
  const options = (
    signal = new AbortController().signal,
    waiting: (holder: string) => void = () => undefined,
  ) => ({
    socket: url,
    name: 'warehouse',
    owner: 'sync',
    signal,
    waiting,
  });

  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('postgres');
    url = stack.resolve(leases);
  });
  afterAll(() => stack.remove());

  it('is a lock that nobody else has meanwhile', async () => {
    const client = await other();
    const isFree = async () =>
      (await client.query<{ free: boolean }>(`select pg_try_advisory_lock(${LOCK}) as free`)).rows[0].free;
    expect(await withLease(options(), isFree)).toBe(false);
    expect(await isFree()).toBe(true);
    await client.end();
  });

  it('is waited for, and who has it is told', async () => {
    const client = await other();
    await client.query(`select pg_advisory_lock(${LOCK})`);
    const told: string[] = [];
    const done = withLease(
      options(undefined, (holder) => {
        told.push(holder);
        void client.end();
      }),
      async () => 'done',
    );
    expect(await done).toBe('done');
    expect(told).toEqual(['somebody else']);
  });

  it('isn’t waited for any longer when the sync is cancelled', async () => {
    const client = await other();
    await client.query(`select pg_advisory_lock(${LOCK})`);
    const cancelled = new AbortController();
    const waiting = withLease(
      options(cancelled.signal, () => cancelled.abort()),
      async () => 'done',
    );
    await expect(waiting).rejects.toThrow('interrupted');
    await client.end();
  });

  it('can’t be had where nobody answers', async () => {
    const nobody = { ...options(), socket: 'postgresql://postgres@127.0.0.1:1/postgres' };
    await expect(withLease(nobody, async () => 'done')).rejects.toThrow(
      /the lease of the warehouse can't be had/,
    );
  });
});
