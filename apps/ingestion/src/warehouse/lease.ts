import { Client } from 'pg';
import { SupervisorClient, SupervisorError } from '@stack/supervisor';
import { Interrupted, SyncError, messageOf } from '../errors';

/** How long the supervisor may be away (a successor takes over) before this gives up, in milliseconds. */
const RECONNECT = 10_000;

export interface LeaseOptions {
  /** The supervisor's socket; in a container, PostgreSQL's address, whose advisory locks are the leases there. */
  socket: string;
  name: string;
  /** Says to others who holds it. */
  owner: string;
  signal: AbortSignal;
  /** Told who holds it, when it has to be waited for. */
  waiting: (holder: string) => void;
}

/**
 * Does the work while holding the lease; waits for it as long as it takes.
 *
 * @throws Interrupted when the signal aborts while waiting; SyncError when there is no supervisor
 */
export async function withLease<T>(options: LeaseOptions, work: () => Promise<T>): Promise<T> {
  if (options.socket.startsWith('postgresql://')) return withLock(options, work);
  const { client, token } = await acquire(options);
  try {
    return await work();
  } finally {
    await release(options.socket, client, token);
  }
}

async function acquire(options: LeaseOptions): Promise<{ client: SupervisorClient; token: string }> {
  const { socket, name, owner, signal } = options;
  let deadline = Date.now() + RECONNECT;
  for (;;) {
    if (signal.aborted) throw new Interrupted('interrupted');
    let client: SupervisorClient | undefined;
    const stop = (): void => client?.close();
    try {
      client = await SupervisorClient.connect(socket);
      deadline = Date.now() + RECONNECT;
      signal.addEventListener('abort', stop, { once: true });
      const { token } = await client.call('lease.acquire', { name, owner, pid: process.pid }, (holder) =>
        options.waiting(`${holder.owner} (pid ${holder.pid})`),
      );
      return { client, token };
    } catch (error) {
      client?.close();
      if (signal.aborted) throw new Interrupted('interrupted');
      const gone = !(error instanceof SupervisorError) || error.wire.code === 'SUPERVISOR_GONE';
      if (!gone || Date.now() > deadline)
        throw new SyncError(`the lease of the ${name} can't be had: ${messageOf(error)}`, gone);
      await new Promise((done) => setTimeout(done, 200));
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }
}

/** On the same connection, or on a new one when the supervisor was replaced meanwhile. */
async function release(socket: string, first: SupervisorClient, token: string): Promise<void> {
  const deadline = Date.now() + RECONNECT;
  for (let client: SupervisorClient | undefined = first; ;) {
    try {
      client ??= await SupervisorClient.connect(socket);
      await client.call('lease.release', { token });
      return;
    } catch (error) {
      // Refused: it isn't held any more. Out of time: it is freed when this process ends.
      if (error instanceof SupervisorError && error.wire.code !== 'SUPERVISOR_GONE') return;
      if (Date.now() > deadline) return;
      await new Promise((done) => setTimeout(done, 200));
    } finally {
      client?.close();
      client = undefined;
    }
  }
}

const HOLDER = `
  select activity.application_name as owner from pg_locks join pg_stat_activity as activity using (pid)
  where locktype = 'advisory' and granted and objid = (hashtext('lease ' || $1)::bigint & 4294967295)::oid`;

/** The lease as a lock of PostgreSQL's (the same as in orchestration/stack_pipeline/lease.py): it ends with its connection. */
async function withLock<T>(options: LeaseOptions, work: () => Promise<T>): Promise<T> {
  const { name, owner, signal, socket } = options;
  const client = new Client({ connectionString: socket, application_name: owner.slice(0, 63) });
  // Without a listener a lost connection would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query("set lock_timeout = '1s'");
    let told: string | undefined;
    while (!(await lock(client, name))) {
      if (signal.aborted) throw new Interrupted('interrupted');
      const holder = (await client.query<{ owner: string }>(HOLDER, [name])).rows[0]?.owner;
      if (holder && holder !== told) options.waiting((told = holder));
    }
  } catch (error) {
    await client.end().catch(() => undefined);
    if (error instanceof Interrupted) throw error;
    throw new SyncError(`the lease of the ${name} can't be had: ${messageOf(error)}`, true);
  }
  try {
    return await work();
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** False when somebody else has had it for a second. */
async function lock(client: Client, name: string): Promise<boolean> {
  try {
    await client.query("select pg_advisory_lock(hashtext('lease ' || $1))", [name]);
    return true;
  } catch (error) {
    // lock_not_available
    if ((error as { code?: string }).code === '55P03') return false;
    throw error;
  }
}
