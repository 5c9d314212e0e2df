import { RequestError } from '@stack/http-server';
import { clientGone } from './engine-error';

/** Whose query it is. */
export interface Owner {
  name: string;
  /** Queries that it may have open at once. */
  concurrency: number;
}

/** Leave to use the engine. */
export interface Turn {
  /** Lends the turn to others until `other` is settled, say while a caller takes what it was sent. */
  pause<R>(other: Promise<R>): Promise<R>;
}

interface Waiter {
  owner: Owner;
  /** It has begun already, and paused. */
  resumes: boolean;
  start: () => void;
}

/** Seconds after which one that was sent away may ask again. */
const LONGEST_RETRY = 60;

/**
 * Lets a fixed number of queries run at once. Those that wait have a line for each owner, and the lines are served in
 * turn: one who asks a thousand things waits for itself, not the others for it.
 */
export class Turns {
  private running = 0;
  private readonly open = new Map<string, number>();
  /** In the order in which they are served. */
  private readonly lines = new Map<string, Waiter[]>();
  /** Of the last turns, in milliseconds. */
  private average = 10;

  /** @param queueLimit queries of one owner that may wait */
  constructor(
    private readonly limit: number,
    private readonly queueLimit: number,
  ) {}

  /** @throws RequestError 429 when the owner's line is full, or the signal aborts in it */
  async take<R>(owner: Owner, signal: AbortSignal, work: (turn: Turn) => Promise<R>): Promise<R> {
    const line = this.lines.get(owner.name)?.length ?? 0;
    const isFree = this.running < this.limit && this.openOf(owner) < owner.concurrency;
    if (!isFree && line >= this.queueLimit) throw this.tooMany(`${line} of its queries are waiting already`);
    if (isFree) this.enter(owner, false);
    else
      await this.wait({ owner, resumes: false }, signal, () =>
        signal.reason === 'timeout'
          ? this.tooMany('none of the engine’s turns came free in time')
          : clientGone(),
      );
    const began = performance.now();
    let holds = true;
    const release = (): void => {
      holds = false;
      this.running -= 1;
      this.dispatch();
    };
    try {
      return await work({
        pause: async (other) => {
          release();
          try {
            return await other;
          } finally {
            await this.wait({ owner, resumes: true }, signal, () => signal.reason);
            holds = true;
          }
        },
      });
    } finally {
      const open = this.openOf(owner) - 1;
      if (open > 0) this.open.set(owner.name, open);
      else this.open.delete(owner.name);
      this.average += (performance.now() - began - this.average) / 16;
      if (holds) release();
      else this.dispatch();
    }
  }

  private openOf({ name }: Owner): number {
    return this.open.get(name) ?? 0;
  }

  private enter(owner: Owner, resumes: boolean): void {
    this.running += 1;
    if (!resumes) this.open.set(owner.name, this.openOf(owner) + 1);
  }

  private wait(
    { owner, resumes }: Omit<Waiter, 'start'>,
    signal: AbortSignal,
    refusal: () => unknown,
  ): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const line = this.lines.get(owner.name) ?? [];
      const waiter: Waiter = {
        owner,
        resumes,
        start: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      const leave = (): void => {
        const at = line.indexOf(waiter);
        if (at >= 0) line.splice(at, 1);
        if (line.length === 0 && this.lines.get(owner.name) === line) this.lines.delete(owner.name);
        reject(refusal());
      };
      if (signal.aborted) return leave();
      signal.addEventListener('abort', leave, { once: true });
      // What has begun goes first: it holds memory.
      if (resumes) line.unshift(waiter);
      else line.push(waiter);
      this.lines.set(owner.name, line);
      this.dispatch();
    });
  }

  private dispatch(): void {
    while (this.running < this.limit) {
      const next = this.next();
      if (!next) return;
      this.enter(next.owner, next.resumes);
      next.start();
    }
  }

  private next(): Waiter | undefined {
    for (const [name, line] of this.lines) {
      const at = line.findIndex(({ owner, resumes }) => resumes || this.openOf(owner) < owner.concurrency);
      if (at < 0) continue;
      const [waiter] = line.splice(at, 1);
      this.lines.delete(name);
      if (line.length > 0) this.lines.set(name, line);
      return waiter;
    }
    return undefined;
  }

  private tooMany(why: string): RequestError {
    const waiting = [...this.lines.values()].reduce((sum, line) => sum + line.length, 0);
    const seconds = Math.ceil(((waiting / this.limit) * this.average) / 1_000);
    const retry = String(Math.min(LONGEST_RETRY, Math.max(1, seconds)));
    return new RequestError(429, 'too_many_queries', `too many queries: ${why}`, {
      remedy: `ask again in ${retry} s, or send fewer at once`,
      headers: { 'retry-after': retry },
    });
  }
}
