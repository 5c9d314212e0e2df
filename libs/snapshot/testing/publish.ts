import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DuckDBInstance } from '@duckdb/node-api';
import { literal } from '../src/sql';
import type { Manifest, SnapshotTable } from '../src/manifest';

/** A table to publish: its name and the SELECT that makes it. */
export interface TableToPublish {
  name: string;
  sql: string;
  index?: string[][];
}

/** A bucket, and a client that may write it. */
export interface Lake {
  readonly bucket: string;
  client(): S3Client;
}

/**
 * A stack's lake.
 *
 * @example lakeOf(stack.resolve, lakeWriter)
 */
export function lakeOf<V>(resolve: (value: V) => string, writer: Record<string, V>): Lake {
  const of = (name: string): string => resolve(writer[name] as V);
  return {
    bucket: of('LAKE_BUCKET'),
    client: () =>
      new S3Client({
        endpoint: of('LAKE_S3_ENDPOINT'),
        region: of('AWS_REGION'),
        forcePathStyle: true,
        credentials: { accessKeyId: of('AWS_ACCESS_KEY_ID'), secretAccessKey: of('AWS_SECRET_ACCESS_KEY') },
      }),
  };
}

export interface PublishOptions {
  /** Changes the Parquet file on its way to the bucket, after its checksum was taken. */
  damage?: (parquet: Buffer) => Buffer;
  /** Changes the manifest before it is written. */
  alter?: (manifest: Manifest) => void;
  /** Doesn't replace `latest.json`: a publish that died before its last step. */
  withoutLatest?: boolean;
}

let sequence = 0;

/** Publishes tables into the store's lake as the pipeline does: Parquet, manifest, and `latest.json` last. */
export async function publish(
  store: Lake,
  tables: TableToPublish[],
  options: PublishOptions = {},
): Promise<Manifest> {
  const now = new Date();
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, '');
  const id = `${stamp}-${String(++sequence).padStart(8, '0')}`;
  const dir = await mkdtemp(join(tmpdir(), 'publish-'));
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const client = store.client();
  const put = (key: string, body: Buffer | string): Promise<unknown> =>
    client.send(new PutObjectCommand({ Bucket: store.bucket, Key: key, Body: body }));
  try {
    const entries: SnapshotTable[] = [];
    for (const { name, sql, index = [] } of tables) {
      const path = join(dir, 'table.parquet');
      await connection.run(`COPY (${sql}) TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd)`);
      const columns = await connection.runAndReadAll(`DESCRIBE FROM read_parquet(${literal(path)})`);
      const rows = await connection.runAndReadAll(
        `SELECT count(*)::INTEGER FROM read_parquet(${literal(path)})`,
      );
      const parquet = await readFile(path);
      const key = `published/${id}/${name}.parquet`;
      entries.push({
        name,
        key,
        rows: Number(rows.value(0, 0)),
        bytes: parquet.length,
        sha256: createHash('sha256').update(parquet).digest('hex'),
        columns: columns
          .getRowsJson()
          .map(([column, type]) => ({ name: String(column), type: String(type) })),
        index,
      });
      await put(key, options.damage ? options.damage(parquet) : parquet);
    }
    const manifest: Manifest = {
      version: 1,
      id,
      runId: 'test',
      publishedAt: now.toISOString(),
      tables: entries,
    };
    options.alter?.(manifest);
    await put(`published/${id}/manifest.json`, JSON.stringify(manifest));
    if (!options.withoutLatest) await put('published/latest.json', JSON.stringify(manifest));
    return manifest;
  } finally {
    connection.closeSync();
    instance.closeSync();
    client.destroy();
    await rm(dir, { recursive: true, force: true });
  }
}

/** Flights enough to look at, made by a formula: 16 carriers' worth of delays over the days of 2013. */
export function flightTables(rows = 20_000): TableToPublish[] {
  const carriers = `[{c: 'AA', n: 'American Airlines Inc.'}, {c: 'B6', n: 'JetBlue Airways'}, {c: 'DL', n: 'Delta Air Lines Inc.'},
    {c: 'UA', n: 'United Air Lines Inc.'}, {c: 'WN', n: 'Southwest Airlines Co.'}]`;
  return [
    {
      name: 'fct_flights',
      index: [['flight_id']],
      sql: `WITH base AS (SELECT i, (hash(i) >> 2)::BIGINT AS h, (6 + i % 18)::INTEGER AS hour FROM range(${rows}) r(i))
        SELECT i::VARCHAR AS flight_id, DATE '2013-01-01' + (i * 365 // ${rows})::INTEGER AS flight_date,
          (${carriers})[1 + h % 5].c AS carrier, (h % 5000)::INTEGER AS flight_number, 'N' || (h % 900) AS tailnum,
          (['EWR', 'JFK', 'LGA'])[1 + h % 3] AS origin, (['ATL', 'BOS', 'LAX', 'ORD'])[1 + h % 4] AS dest,
          hour AS sched_dep_hour,
          CASE WHEN h % 40 > 0 THEN (h % 47 - 17 + hour)::INTEGER END AS dep_delay_min,
          CASE WHEN h % 40 > 0 THEN (h % 61 - 27 + hour)::INTEGER END AS arr_delay_min,
          (400 + h % 4 * 500)::INTEGER AS distance_miles, h % 40 = 0 AS is_cancelled
        FROM base`,
    },
    {
      name: 'dim_carrier',
      sql: `SELECT u.c AS carrier, u.n AS carrier_name FROM (SELECT unnest(${carriers}) AS u)`,
    },
    {
      name: 'dim_airport',
      sql: `FROM (VALUES ('ATL', 'Atlanta'), ('BOS', 'Boston Logan'), ('LAX', 'Los Angeles'), ('ORD', 'Chicago O''Hare')) t(airport, airport_name)`,
    },
  ];
}
