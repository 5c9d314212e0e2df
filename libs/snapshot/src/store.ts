import { access, mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildDatabase } from './build';
import type { Manifest } from './manifest';
import { parseManifest } from './manifest';

export interface StoreOptions {
  /** How many snapshots stay: the one in use and those before it. @default 3 */
  keep?: number;
  /** Whether to build the indexes that manifests name; a reader that only scans saves their time. @default true */
  indexes?: boolean;
}

/** A snapshot that lies ready on this machine. */
export interface LocalSnapshot {
  /** `null`: the empty snapshot that stands in before the first publish. */
  manifest: Manifest | null;
  /** Path of the DuckDB file. Never written again. */
  path: string;
}

const BUILDING = '.building-';
const EMPTY: Manifest = {
  version: 1,
  id: 'empty',
  runId: null,
  publishedAt: new Date(0).toISOString(),
  tables: [],
};

/**
 * The folder of a reader's snapshots: `<id>.duckdb` and its manifest `<id>.json`, and `current`, the id in use.
 * A name is visible only when its file is whole: everything is made in a folder of its own, flushed, then renamed.
 */
export class SnapshotStore {
  constructor(
    readonly dir: string,
    private readonly options: StoreOptions = {},
  ) {}

  /** Makes the folder, and removes what a killed predecessor left unfinished. */
  async open(): Promise<void> {
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.dir)) {
      if (name.startsWith(BUILDING)) await rm(join(this.dir, name), { recursive: true, force: true });
    }
  }

  /** The snapshots that lie here whole: the one last in use first, then the newest first. */
  async list(): Promise<LocalSnapshot[]> {
    const names = new Set(await readdir(this.dir));
    const current = await readFile(join(this.dir, 'current'), 'utf8').catch(() => '');
    const ids = [...names].filter(
      (name) => name.endsWith('.json') && names.has(name.replace(/json$/, 'duckdb')),
    );
    const order = (name: string): string => (name === `${current}.json` ? '1' : '0') + name;
    ids.sort((a, b) => (order(a) < order(b) ? 1 : -1));
    const found: LocalSnapshot[] = [];
    for (const name of ids) {
      const path = join(this.dir, name);
      try {
        const manifest = parseManifest(await readFile(path, 'utf8'));
        found.push({ manifest, path: path.replace(/json$/, 'duckdb') });
      } catch {
        // Not a manifest of this version: as good as absent, and fetched again when it is the newest.
      }
    }
    return found;
  }

  /** The snapshot of that id, if it lies here. */
  async find(id: string): Promise<LocalSnapshot | undefined> {
    return (await this.list()).find((snapshot) => snapshot.manifest?.id === id);
  }

  /** A database without tables, for the time before the first publish. */
  async empty(): Promise<LocalSnapshot> {
    const path = join(this.dir, 'empty.duckdb');
    const exists = await access(path).then(
      () => true,
      () => false,
    );
    if (!exists) await this.add(EMPTY, async () => new Map(), false);
    return { manifest: null, path };
  }

  /**
   * Builds a snapshot under a temporary name and makes it visible when it is whole.
   *
   * @param fetch puts each table's Parquet file into the given folder and returns its path by table name
   */
  async add(
    manifest: Manifest,
    fetch: (dir: string) => Promise<Map<string, string>>,
    withManifest = true,
  ): Promise<LocalSnapshot> {
    const work = await mkdtemp(join(this.dir, BUILDING));
    try {
      const built = join(work, 'snapshot.duckdb');
      await buildDatabase(built, manifest, await fetch(work), this.options.indexes ?? true);
      await flush(built);
      const path = join(this.dir, `${manifest.id}.duckdb`);
      await rename(built, path);
      if (withManifest) {
        // Last: a database without its manifest doesn't count.
        await this.replace(`${manifest.id}.json`, JSON.stringify(manifest), work);
      }
      await flush(this.dir);
      return { manifest, path };
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  /** Notes which snapshot is in use and deletes all but it and the newest others. */
  async setCurrent(snapshot: LocalSnapshot): Promise<void> {
    if (snapshot.manifest === null) return;
    const work = await mkdtemp(join(this.dir, BUILDING));
    try {
      await this.replace('current', snapshot.manifest.id, work);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
    for (const old of (await this.list()).slice(this.options.keep ?? 3)) await this.remove(old);
  }

  /** Deletes a snapshot. A reader that has it open keeps it until it closes it. */
  async remove(snapshot: LocalSnapshot): Promise<void> {
    await rm(snapshot.path.replace(/duckdb$/, 'json'), { force: true });
    await rm(snapshot.path, { force: true });
  }

  private async replace(name: string, content: string, work: string): Promise<void> {
    const written = join(work, name);
    await writeFile(written, content, { mode: 0o600 });
    await flush(written);
    await rename(written, join(this.dir, name));
  }
}

/** Waits until a file or folder is on the disk. */
async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
