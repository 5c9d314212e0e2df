/**
 * Something in use that is replaced while it is in use: work that has begun ends on what it began with, new work goes to
 * the new one, and the old one is closed when its last work has ended.
 *
 * ```ts
 * const rotation = new Rotation<Database>((database) => database.close());
 * await rotation.swap(await open('1.duckdb'));
 * await rotation.use((database) => database.query('…'));
 * ```
 */
export class Rotation<T> {
  private current: Turn<T> | undefined;

  constructor(private readonly close: (value: T) => void | Promise<void>) {}

  /** The value in use now, for looking only; work goes through `use`. */
  get value(): T | undefined {
    return this.current?.value;
  }

  /** Runs `work` with the value in use now, which stays open until the work has ended. */
  async use<R>(work: (value: T) => Promise<R>): Promise<R> {
    const turn = this.current;
    if (!turn) throw new Error('nothing is in use yet');
    turn.users += 1;
    try {
      return await work(turn.value);
    } finally {
      turn.users -= 1;
      if (turn.users === 0) turn.drained?.();
    }
  }

  /**
   * Puts a new value into use at once.
   *
   * @returns resolves when the old one is drained and closed; nobody has to wait for it
   */
  async swap(next: T | undefined): Promise<void> {
    const old = this.current;
    this.current = next === undefined ? undefined : { value: next, users: 0 };
    if (!old) return;
    if (old.users > 0) await new Promise<void>((resolve) => (old.drained = resolve));
    await this.close(old.value);
  }
}

interface Turn<T> {
  value: T;
  users: number;
  drained?: () => void;
}
