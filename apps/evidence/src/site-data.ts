import { createHash } from 'node:crypto';
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { identifier, literal, type LocalSnapshot, type SnapshotLog } from '@stack/snapshot';
import type { SourceQuery } from './sources';

/** What the pages fetch first: for each source the addresses of its Parquet files. The form is Evidence's. */
export interface SiteManifest {
  renderedFiles: Record<string, string[]>;
}

/** Bounds of the engine while it makes the data; it is closed afterwards. */
const ENGINE = { access_mode: 'READ_ONLY', threads: '2', memory_limit: '256MB' };

const BUILDING = '.building-';

/**
 * The data of the pages: for each snapshot a folder of Parquet files, one a source query, made in the engine from the
 * snapshot's DuckDB file. It stands in for `evidence sources`, which would need Evidence's 500 MB at run time and some
 * seconds; the queries and the result are the same. A folder appears whole (rename) and never changes: its address
 * holds the snapshot's id and the queries' digest, so that no page can mix two.
 */
export class SiteData {
  constructor(
    /** An existing folder. */
    readonly dir: string,
    private queries: readonly SourceQuery[],
    private readonly log: SnapshotLog,
    /** How many snapshots' data stay, for pages that are open. @default 3 */
    private readonly keep = 3,
  ) {}

  /** Takes other queries from the next `make` on. */
  take(queries: readonly SourceQuery[]): void {
    this.queries = queries;
  }

  /** Tells data of one snapshot apart that other queries have made. */
  private get revision(): string {
    return createHash('sha256').update(JSON.stringify(this.queries)).digest('hex').slice(0, 8);
  }

  /** Makes the data of a snapshot, unless it is there, and returns what the pages fetch first. */
  async make(snapshot: LocalSnapshot): Promise<SiteManifest> {
    const { manifest } = snapshot;
    if (!manifest) return { renderedFiles: {} };
    const name = `${manifest.id}-${this.revision}`;
    const folder = join(this.dir, name);
    if (!(await exists(folder))) await this.build(snapshot, folder);
    await this.prune(name);

    const renderedFiles: Record<string, string[]> = {};
    for (const source of (await readdir(folder)).sort()) {
      const files = (await readdir(join(folder, source))).sort();
      renderedFiles[source] = files.map((file) => `/data/${name}/${source}/${file}`);
    }
    return { renderedFiles };
  }

  private async build(snapshot: LocalSnapshot, folder: string): Promise<void> {
    const started = performance.now();
    const work = await mkdtemp(join(this.dir, BUILDING));
    const instance = await DuckDBInstance.create(snapshot.path, ENGINE);
    let failed = 0;
    try {
      const connection = await instance.connect();
      for (const query of this.queries) {
        try {
          await write(connection, query, work);
        } catch (error) {
          // One table that isn't published must not take the other charts away.
          failed += 1;
          const reason = error instanceof Error ? error.message : String(error);
          this.log.warn(
            { reason },
            `sources/${query.source}/${query.name}.sql fails on snapshot ${snapshot.manifest?.id}`,
          );
        }
      }
      for (const query of publication(snapshot)) await write(connection, query, work);
      connection.closeSync();
    } finally {
      instance.closeSync();
    }
    await rename(work, folder);
    const elapsedMs = Math.round(performance.now() - started);
    this.log.info(
      { snapshot: snapshot.manifest?.id, queries: this.queries.length, failed, elapsedMs },
      'site data made',
    );
  }

  private async prune(current: string): Promise<void> {
    const names = (await readdir(this.dir))
      .filter((name) => name !== current)
      .sort()
      .reverse();
    const finished = names.filter((name) => !name.startsWith(BUILDING));
    const unfinished = names.filter((name) => name.startsWith(BUILDING));
    for (const name of [...finished.slice(this.keep - 1), ...unfinished]) {
      await rm(join(this.dir, name), { recursive: true, force: true });
    }
  }
}

/** What the manifest tells: the one row of `stack.snapshot`, and `stack.tables`. */
function publication({ manifest }: LocalSnapshot): SourceQuery[] {
  const run = manifest?.runId == null ? 'NULL' : literal(manifest.runId);
  const tables = (manifest?.tables ?? []).map(
    ({ name, rows, bytes }) => `(${literal(name)}, ${rows}::BIGINT, ${bytes}::BIGINT)`,
  );
  return [
    {
      source: 'stack',
      name: 'snapshot',
      sql: `SELECT ${literal(manifest?.id ?? '')} AS id, ${run}::VARCHAR AS run_id,
      ${literal(manifest?.publishedAt ?? '')}::TIMESTAMP AS published_at`,
    },
    {
      source: 'stack',
      name: 'tables',
      sql: `SELECT * FROM (VALUES ${['(NULL::VARCHAR, NULL, NULL)', ...tables].join()}) t(name, rows, bytes) WHERE name IS NOT NULL`,
    },
  ];
}

async function write(
  connection: DuckDBConnection,
  { source, name, sql }: SourceQuery,
  work: string,
): Promise<void> {
  await mkdir(join(work, source), { recursive: true });
  const file = join(work, source, `${name}.parquet`);
  await connection.run(`COPY (FROM (${sql}\n) AS ${identifier(name)}) TO ${literal(file)} (FORMAT parquet)`);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
