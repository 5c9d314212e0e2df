import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { eventually, findWeed, flightTables, ObjectStore, publish } from '@stack/snapshot/testing';
import { tableFromIPC } from 'apache-arrow';
import { type Running, startDuckdbHttp, TOKEN } from './testing';

const ready = findWeed() !== undefined;
(ready ? describe : describe.skip)(`answers that stream${ready ? '' : ' (missing: weed)'}`, () => {
  let store: ObjectStore;
  let running: Running;
  let id: string;
  beforeAll(async () => {
    store = await ObjectStore.start();
    ({ id } = await publish(store, flightTables(20_000)));
    running = await startDuckdbHttp(store, { QUERY_TIMEOUT_MS: '2000', QUERY_CONNECTIONS: '1' });
    await eventually('the snapshot in use', async () => (await running.rows('SHOW TABLES')).length === 3);
  });
  afterAll(async () => {
    await running?.stop();
    await store?.stop();
  });

  const ask = (sql: string, more: object = {}, headers: Record<string, string> = {}, signal?: AbortSignal) =>
    fetch(`${running.url}/v1/query`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ sql, ...more }),
      signal,
    });
  /** Some 130 MB as text. */
  const LARGE = `SELECT i, repeat('x', 100) AS t FROM range(1000000) r(i)`;
  /** The same, for ever as it were. */
  const ENDLESS = LARGE.replace('1000000', '100000000');
  /** Fails when some megabytes are out. */
  const LATE = `SELECT i, CASE WHEN i = 300000 THEN error('late') ELSE repeat('x', 100) END AS t FROM range(400000) r(i)`;

  test.each([
    ['rows', 'application/json; charset=utf-8'],
    ['columns', 'application/json; charset=utf-8'],
    ['ndjson', 'application/x-ndjson; charset=utf-8'],
    ['csv', 'text/csv; charset=utf-8; header=present'],
    ['arrow', 'application/vnd.apache.arrow.stream'],
    ['parquet', 'application/vnd.apache.parquet'],
  ])('%s says what it is and which snapshot it read', async (format, type) => {
    const answer = await ask('SELECT count(*) AS n FROM fct_flights', { format });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type]);
    expect(answer.headers.get('x-snapshot')).toBe(id);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    await answer.arrayBuffer();
  });

  test('the format may be said by Accept; by the body it counts more', async () => {
    const sql = 'SELECT 1 AS a';
    const text = async (accept: string, more = {}) => (await ask(sql, more, { accept })).text();
    expect(await text('text/csv')).toBe('a\n1\n');
    expect(await text('text/html;q=0.9, application/x-ndjson')).toBe('{"a":1}\n');
    expect(await text('text/csv', { format: 'rows' })).toBe('[{"a":1}]\n');
    expect(JSON.parse(await text('text/html, */*;q=0.8'))).toMatchObject({ rows: [[1]] });
    expect((await ask(sql, {}, { accept: 'image/png' })).status).toBe(406);
    expect((await ask(sql, { format: 'xml' })).status).toBe(400);
  });

  test('the same rows in every format, cut where the request says', async () => {
    const sql = 'SELECT flight_id, carrier, dep_delay_min FROM fct_flights ORDER BY ALL';
    const rows = (await running.query(sql)).body.rows;
    const named = (await (await ask(sql, { format: 'rows' })).json()) as object[];
    expect(named.map((row) => Object.values(row))).toEqual(rows);
    const table = tableFromIPC(new Uint8Array(await (await ask(sql, { format: 'arrow' })).arrayBuffer()));
    expect([...table].map((row) => Object.values(row!.toJSON()))).toEqual(rows);
    const dir = await mkdtemp(join(tmpdir(), 'streaming-'));
    const instance = await DuckDBInstance.create(':memory:');
    try {
      const path = join(dir, 'answer.parquet');
      await writeFile(path, Buffer.from(await (await ask(sql, { format: 'parquet' })).arrayBuffer()));
      const connection = await instance.connect();
      expect((await connection.runAndReadAll(`FROM '${path}'`)).getRowsJson()).toEqual(rows);
      connection.closeSync();
    } finally {
      instance.closeSync();
      await rm(dir, { recursive: true });
    }
    expect((await (await ask(sql, { format: 'csv', maxRows: 3 })).text()).split('\n')).toHaveLength(5);
  });

  test.each(['rows', 'ndjson', 'csv', 'arrow'])(
    '%s: an error in mid-stream breaks the answer off',
    async (format) => {
      const answer = await ask(LATE, { format });
      expect(answer.status).toBe(200);
      await expect(answer.arrayBuffer()).rejects.toThrow();
      // The connection of the engine is good again.
      expect(await running.rows('SELECT 1')).toEqual([[1]]);
    },
  );

  test.each(['rows', 'columns', 'ndjson', 'csv', 'arrow', 'parquet'])(
    '%s: an error before the answer began is an answer',
    async (format) => {
      const early = `SELECT CASE WHEN i = 300 THEN error('early') ELSE i END AS a FROM range(400) r(i)`;
      const { status, body } = await running.query(early, { format });
      expect([status, body.code]).toEqual([400, 'invalid_sql']);
      const wrong = await running.query('SELECT nothing FROM fct_flights', { format });
      expect([wrong.status, wrong.body.position]).toEqual([400, 7]);
    },
  );

  test.each(['rows', 'arrow', 'parquet'])('%s: a caller that goes ends its query', async (format) => {
    const caller = new AbortController();
    const gone = ask(ENDLESS, { format }, {}, caller.signal).then(
      (answer) => answer.arrayBuffer().catch(() => 'gone'),
      () => 'gone',
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    caller.abort();
    expect(await gone).toBe('gone');
    const started = Date.now();
    expect(await running.rows('SELECT 1')).toEqual([[1]]);
    expect(Date.now() - started).toBeLessThan(1_500);
  });

  test('a caller that takes nothing lends its turn to others, and is cut off in time', async () => {
    const { port, hostname } = new URL(running.url);
    const socket = connect(Number(port), hostname);
    let got = '';
    const closed = new Promise((resolve) => socket.on('error', resolve).on('close', resolve));
    const body = JSON.stringify({ sql: LARGE, format: 'ndjson' });
    socket.pause();
    socket.write(
      `POST /v1/query HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${TOKEN}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await running.query('SELECT 1')).status).toBe(200);
    await eventually('its end', async () => (await openQueries()) === 0);
    socket.on('data', (piece: Buffer) => (got += piece.toString('latin1')));
    socket.resume();
    await closed;
    expect(got).toMatch(/^HTTP\/1.1 200/);
    // Chunked, without the last chunk: no client takes that for whole.
    expect(got.endsWith('\r\n0\r\n\r\n')).toBe(false);
  });

  const openQueries = async (): Promise<number> => {
    const metrics = await (await fetch(`${running.url}/metrics`)).text();
    return Number(/^duckdb_http_queries_open (\d+)/m.exec(metrics)?.[1]);
  };

  test('memory doesn’t grow with the answer', async () => {
    const peak = async (format: string, rows: number): Promise<number> => {
      const answer = await ask(LARGE.replace('1000000', String(rows)), { format });
      let most = 0;
      let bytes = 0;
      for await (const piece of answer.body as unknown as AsyncIterable<Uint8Array>) {
        bytes += piece.length;
        most = Math.max(most, process.memoryUsage.rss());
      }
      expect(bytes).toBeGreaterThan(rows * 100);
      return most;
    };
    for (const format of ['ndjson', 'arrow']) {
      const few = await peak(format, 200_000);
      expect((await peak(format, 2_000_000)) - few).toBeLessThan(100_000_000);
    }
  });
});
