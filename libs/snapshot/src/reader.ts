import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lake } from './lake';
import type { Manifest } from './manifest';
import { parseManifest } from './manifest';
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
}

/** First and longest pause before a snapshot that failed is tried again, in milliseconds. */
const RETRY_MS = { first: 5_000, longest: 60_000 };

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
  private retry: { id: string; at: number; pause: number } | undefined;
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
    let manifest: Manifest | undefined;
    try {
      // A snapshot that failed is asked for again without the ETag, after its pause.
      if (this.retry && Date.now() < this.retry.at) return;
      const latest = await this.options.lake.latest(this.retry ? undefined : this.etag, signal);
      if (latest !== null && latest !== 'unchanged') {
        manifest = parseManifest(latest.json);
        if (manifest.id !== this.current?.manifest?.id) await this.bring(manifest, signal);
        this.etag = latest.etag;
      }
      this.retry = undefined;
      if (this.trouble !== undefined)
        this.options.log.info({}, 'the lake and its newest snapshot are readable again');
      this.trouble = undefined;
    } catch (error) {
      if (signal.aborted) return;
      this.complain(manifest, error);
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

  private complain(manifest: Manifest | undefined, error: unknown): void {
    const id = manifest?.id ?? 'latest';
    const pause = this.retry?.id === id ? Math.min(this.retry.pause * 2, RETRY_MS.longest) : RETRY_MS.first;
    // Only a snapshot that arrived and is bad waits longer; an unreachable lake is asked at every poll.
    this.retry = manifest ? { id, pause, at: Date.now() + pause } : undefined;
    const trouble = manifest
      ? `snapshot ${id} can't be used: ${message(error)}`
      : `the lake's newest manifest can't be read: ${message(error)}`;
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    this.options.log.warn(
      { inUse: this.current?.manifest?.id ?? null },
      `${trouble}; the snapshot in use stays`,
    );
  }
}

function message(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(message).join(', ');
  return error instanceof Error ? error.message || error.name : String(error);
}
