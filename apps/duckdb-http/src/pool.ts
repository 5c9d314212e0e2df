import { RequestError } from '@stack/http-server';

/**
 * Lends a fixed number of things, one borrower each; who comes when all are out waits in order.
 *
 * @template T a connection, for example
 */
export class Pool<T> {
  private readonly idle: T[];
  private readonly waiting: ((item: T) => void)[] = [];

  constructor(
    items: readonly T[],
    private readonly queueLimit: number,
  ) {
    this.idle = [...items];
  }

  /** @throws RequestError when the queue is full; the signal's reason when it is aborted in the queue */
  async lend<R>(work: (item: T) => Promise<R>, signal: AbortSignal): Promise<R> {
    const item = this.idle.pop() ?? (await this.wait(signal));
    try {
      return await work(item);
    } finally {
      const next = this.waiting.shift();
      if (next) next(item);
      else this.idle.push(item);
    }
  }

  private wait(signal: AbortSignal): Promise<T> {
    if (this.waiting.length >= this.queueLimit) {
      throw new RequestError(503, 'too_busy', `${this.queueLimit} queries are waiting already`, {
        remedy: 'try again in a moment',
        headers: { 'retry-after': '1' },
      });
    }
    return new Promise<T>((resolve, reject) => {
      const take = (item: T): void => {
        signal.removeEventListener('abort', leave);
        resolve(item);
      };
      const leave = (): void => {
        this.waiting.splice(this.waiting.indexOf(take), 1);
        reject(
          new RequestError(503, 'too_busy', 'no connection came free in time', {
            remedy: 'try again in a moment',
            headers: { 'retry-after': '1' },
          }),
        );
      };
      this.waiting.push(take);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
