/**
 * Leases: one holder a name at a time, the others wait in line. A lease ends when its holder releases it or when the
 * holder's connection closes; after a change of supervisor, when the holder is no longer alive.
 */
import { randomUUID } from 'node:crypto';
import { isAlive, startTime } from './process-info';
import type { LeaseHolder } from './protocol';

export interface Lease extends LeaseHolder {
  readonly token: string;
  /** Start time of the holder's process: with the pid it names one process. */
  readonly start: string;
}

const sameProcess = (a: Pick<Lease, 'pid' | 'start'>, b: Pick<Lease, 'pid' | 'start'>) =>
  a.pid === b.pid && a.start === b.start;

interface Waiter {
  readonly lease: Omit<Lease, 'since'>;
  readonly connection: object;
  granted(token: string): void;
}

export class Leases {
  private readonly held = new Map<string, { lease: Lease; connection?: object }>();
  private readonly waiting = new Map<string, Waiter[]>();

  /** @param changed called whenever the set of held leases has changed, to save it */
  constructor(
    saved: readonly Lease[],
    private readonly changed: () => void,
  ) {
    for (const lease of saved) if (isAlive(lease.pid, lease.start)) this.held.set(lease.name, { lease });
  }

  list(): Lease[] {
    return [...this.held.values()].map(({ lease }) => lease);
  }

  /** Calls `granted` now or when it is this one's turn; in that case `waiting` tells first who holds it. */
  acquire(
    request: { name: string; owner: string; pid: number },
    connection: object,
    granted: (token: string) => void,
    waiting: (holder: LeaseHolder) => void,
  ): void {
    const { name, owner, pid } = request;
    const waiter: Waiter = {
      lease: { name, owner, pid, start: startTime(pid) ?? '', token: randomUUID() },
      connection,
      granted,
    };
    const current = this.held.get(name);
    // Its holder comes back to a new supervisor: what it holds is still its own.
    const returned = current && !current.connection && sameProcess(current.lease, waiter.lease);
    if (!current || returned) return this.grant(waiter);
    this.waiting.set(name, [...(this.waiting.get(name) ?? []), waiter]);
    const { owner: holder, pid: holderPid, since } = current.lease;
    waiting({ name, owner: holder, pid: holderPid, since });
  }

  release(token: string): boolean {
    for (const [name, { lease }] of this.held) {
      if (lease.token !== token) continue;
      this.end(name);
      return true;
    }
    return false;
  }

  /** The connection is gone, and with it what it held and what it waited for. */
  disconnected(connection: object): void {
    for (const [name, line] of this.waiting) {
      this.waiting.set(
        name,
        line.filter((waiter) => waiter.connection !== connection),
      );
    }
    for (const [name, holder] of this.held) if (holder.connection === connection) this.end(name);
  }

  /** Ends leases taken over from an earlier supervisor whose holders have died; to be called now and then. */
  sweep(): void {
    for (const [name, { lease, connection }] of this.held) {
      if (!connection && !isAlive(lease.pid, lease.start)) this.end(name);
    }
  }

  private grant(waiter: Waiter): void {
    const lease: Lease = { ...waiter.lease, since: new Date().toISOString() };
    this.held.set(lease.name, { lease, connection: waiter.connection });
    this.changed();
    waiter.granted(lease.token);
  }

  private end(name: string): void {
    this.held.delete(name);
    const next = this.waiting.get(name)?.shift();
    if (next) this.grant(next);
    else this.changed();
  }
}
