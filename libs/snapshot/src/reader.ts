import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lake, Latest } from './lake';
import { type Manifest, parseManifest } from './manifest';
import type { LocalSnapshot, SnapshotStore } from './store';

/** Where the reader's few messages go; pino's and Fastify's loggers fit. */
export interface SnapshotLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

export interface SnapshotReaderOptions {
  lake: Lake;
  store: SnapshotStore;
  /**
   * Takes a snapshot into use: called with the local or empty one during `start`, then with each new one. The one
   * before stays in use until this resolves; when it rejects, for good.
   */
  use: (snapshot: LocalSnapshot) => Promise<void>;
  log: SnapshotLog;
  /** How often the lake is asked, in milliseconds. @default 1000 */
  pollMs?: number;
  /**
   * Pause before a snapshot that failed is tried again, in milliseconds; doubles each time, up to twelvefold. A newer
   * one doesn't wait for it. @default 5000
   */
  retryMs?: number;
}

/**
 * Follows the newest published snapshot: polls the lake, fetches, verifies and builds what is new, and hands it to `use`.
 * Whatever goes wrong, the snapshot in use stays in use, and one line says so.
 *
 * ```ts
 * const reader = new SnapshotReader({ lake, store, log, use: async (snapshot) => database.swap(snapshot.path) });
 * await reader.start();   // the newest local snapshot is in use, even if the lake is down
 * ...
 * await reader.stop();
 * ```
 */
export class SnapshotReader {
  private current: LocalSnapshot | undefined;
  private etag: string | undefined;
  /** The trouble that was last said, so that it isn't said every second. */
  private trouble: string | undefined;
  private failed: { etag: string | undefined; tryAt: number; pause: number } | undefined;
  private readonly stopping = new AbortController();
  private polling: Promise<void> | undefined;

  constructor(private readonly options: SnapshotReaderOptions) {}

  /** The snapshot in use; `undefined` before `start` ended. */
  get snapshot(): LocalSnapshot | undefined {
    return this.current;
  }

  /** What keeps the reader from following, in one sentence; `undefined` when all is well. */
  get problem(): string | undefined {
    return this.trouble;
  }

  /** Takes the newest local snapshot (or the empty one) into use, then follows the lake until `stop`. */
  async start(): Promise<void> {
    const { store, log } = this.options;
    await store.open();
    for (const local of await store.list()) {
      try {
        await this.take(local);
        break;
      } catch (error) {
        log.warn(
          { snapshot: local.manifest?.id, reason: message(error) },
          'a local snapshot does not open: removed',
        );
        await store.remove(local);
      }
    }
    if (this.current === undefined) await this.take(await store.empty());
    this.polling = this.poll();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.polling;
    this.options.lake.close();
  }

  private async poll(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.check(signal);
      await sleep(this.options.pollMs ?? 1_000, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** Asks the lake once, and brings what is new into use. Never rejects. */
  private async check(signal: AbortSignal): Promise<void> {
    const { failed } = this;
    const again = failed !== undefined && Date.now() >= failed.tryAt;
    let latest: Latest = null;
    try {
      latest = await this.options.lake.latest(again ? undefined : this.etag, signal);
      // The failed one is still the newest, and its pause isn't over: the trouble lasts.
      if (latest === 'unchanged' && failed) return;
      if (latest !== null && latest !== 'unchanged') {
        this.etag = latest.etag;
        const manifest = parseManifest(latest.json);
        if (manifest.id !== this.current?.manifest?.id) await this.bring(manifest, signal);
      }
      this.failed = undefined;
      if (this.trouble !== undefined) this.options.log.info({}, 'the newest snapshot can be read again');
      this.trouble = undefined;
    } catch (error) {
      if (signal.aborted) return;
      if (latest !== null && latest !== 'unchanged') this.postpone(latest.etag);
      this.complain(error);
    }
  }

  private async bring(manifest: Manifest, signal: AbortSignal): Promise<void> {
    const { store, lake, log } = this.options;
    const started = performance.now();
    const snapshot =
      (await store.find(manifest.id)) ??
      (await store.add(manifest, async (dir) => {
        const parquet = new Map<string, string>();
        for (const [i, table] of manifest.tables.entries()) {
          const path = join(dir, `${i}.parquet`);
          await lake.download(table, path, signal);
          parquet.set(table.name, path);
        }
        return parquet;
      }));
    try {
      await this.take(snapshot);
    } catch (error) {
      await store.remove(snapshot);
      throw error;
    }
    const rows = manifest.tables.reduce((sum, table) => sum + table.rows, 0);
    const elapsedMs = Math.round(performance.now() - started);
    log.info(
      { snapshot: manifest.id, tables: manifest.tables.length, rows, elapsedMs },
      'new snapshot in use',
    );
  }

  private async take(snapshot: LocalSnapshot): Promise<void> {
    await this.options.use(snapshot);
    this.current = snapshot;
    await this.options.store.setCurrent(snapshot);
  }

  private postpone(etag: string | undefined): void {
    const first = this.options.retryMs ?? 5_000;
    const pause =
      this.failed?.etag === etag ? Math.min((this.failed?.pause ?? first) * 2, first * 12) : first;
    this.failed = { etag, pause, tryAt: Date.now() + pause };
  }

  private complain(error: unknown): void {
    const trouble = `the newest snapshot can't be used: ${message(error)}`;
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    this.options.log.warn({ inUse: this.current?.manifest?.id ?? null }, `${trouble}; the one in use stays`);
  }
}

function message(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(message).join(', ');
  return error instanceof Error ? error.message || error.name : String(error);
}
