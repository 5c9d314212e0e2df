import { EventEmitter } from 'node:events';
import type { Seen, Topic, Watch } from '@stack/mcp';

export interface StackEvent {
  /** Grows by one with each event; a new server begins where the clock is, so that no id comes twice. */
  readonly id: number;
  readonly topic: Topic;
  /** ISO 8601: when it was seen. */
  readonly at: string;
  /** What has changed: a unit's name, a run's id. */
  readonly subject: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Events that are kept for who comes back. */
const KEPT = 2_000;

/** What happens in the stack, in order. The last ones are kept, so that nobody misses any over a short break. */
export class Events {
  private readonly emitter = new EventEmitter().setMaxListeners(0);
  private kept: StackEvent[] = [];
  private last = Date.now() * 1_000;

  publish(topic: Topic, subject: string, data: StackEvent['data'], at = new Date().toISOString()): void {
    const event: StackEvent = { id: ++this.last, topic, at, subject, data };
    this.kept.push(event);
    if (this.kept.length > KEPT) this.kept = this.kept.slice(-KEPT);
    this.emitter.emit('event', event);
  }

  /** @returns how to stop */
  on(listener: (event: StackEvent) => void): () => void {
    this.emitter.on('event', listener);
    return () => this.emitter.off('event', listener);
  }

  /** Events after an id; undefined when some of them are no longer kept. */
  after(id: number): readonly StackEvent[] | undefined {
    const oldest = this.kept[0]?.id ?? this.last + 1;
    if (id > this.last || id < oldest - 1) return undefined;
    return this.kept.filter((event) => event.id > id);
  }

  get lastId(): number {
    return this.last;
  }
}

export interface Watched {
  readonly unit: string;
  readonly watch: Watch;
  look(): ReturnType<Watch['look']>;
}

/** Looks that are left out when nobody listens: each costs those that are looked at something. */
const LEFT_OUT = 4;

/** Looks at everything that is watched, each on its own: one that is slow or down doesn't hold up the others. */
export class Watcher {
  private readonly timers = new Set<NodeJS.Timeout>();
  private stopped = false;
  /** Whether anybody listens. */
  interest: () => boolean = () => true;

  constructor(
    private readonly watched: readonly Watched[],
    private readonly events: Events,
    private readonly everyMs: number,
  ) {}

  start(): void {
    for (const one of this.watched) void this.follow(one);
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers) clearTimeout(timer);
  }

  /** @param idle looks that were left out since the last one */
  private async follow(one: Watched, before?: ReadonlyMap<string, Seen>, idle = 0): Promise<void> {
    const leftOut = before !== undefined && idle < LEFT_OUT && !this.interest();
    const now = leftOut ? before : await one.look().catch(() => before);
    if (this.stopped) return;
    if (before && now)
      for (const [id, { state, event }] of now)
        if (before.get(id)?.state !== state) this.events.publish(one.watch.topic, id, event);
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      void this.follow(one, now, leftOut ? idle + 1 : 0);
    }, this.everyMs);
    timer.unref();
    this.timers.add(timer);
  }
}
