import { TestStack } from '@stack/testing';
import { ingestion } from './service';
import { DEFAULTS } from './src/ids';
import { Client } from './src/testing';

describe('ingestion as a unit of the stack', () => {
  let stack: TestStack;
  let client: Client;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('ingestion');
    client = new Client(stack);
  });
  afterAll(() => stack.remove());

  const token = (body: string, type: string, path = '/api/public/v1/applications/token') =>
    fetch(client.url + path, { method: 'POST', headers: { 'content-type': type }, body });
  const secrets = () => ({
    client_id: stack.resolve(ingestion.secret('client_id')),
    client_secret: stack.resolve(ingestion.secret('client_secret')),
  });

  it('is healthy at its own and at Airbyte’s addresses, without a token', async () => {
    expect(ingestion.ports.http.number).toBe(8000);
    for (const path of ['/health', '/api/public/v1/health', '/api/v1/health'])
      expect((await fetch(client.url + path)).status).toBe(200);
  });

  it('gives tokens to who has the secrets, as JSON or as a form, and to nobody else', async () => {
    const json = await token(JSON.stringify(secrets()), 'application/json');
    expect(await json.json()).toMatchObject({ token_type: 'Bearer', expires_in: 900 });
    const form = new URLSearchParams(secrets()).toString();
    for (const path of ['/applications/token', '/api/public/v1/applications/token'])
      expect((await token(form, 'application/x-www-form-urlencoded', path)).status).toBe(200);
    const wrong = { ...secrets(), client_secret: 'guess' };
    expect((await token(JSON.stringify(wrong), 'application/json')).status).toBe(401);
    for (const body of ['{}', '[]', 'null', '"x"'])
      expect((await token(body, 'application/json')).status).toBe(401);
  });

  it.each([
    ['none', undefined],
    ['a made-up one', 'Bearer 9999999999.c2lnbmF0dXJl'],
    ['no number', 'Bearer x.y'],
    ['another scheme', 'Basic YTpi'],
  ])('refuses a request with a token that isn’t one: %s', async (_name, authorization) => {
    for (const path of ['/api/public/v1/workspaces', '/api/public/v1/jobs/1']) {
      const headers = authorization ? { authorization } : undefined;
      expect((await fetch(client.url + path, { headers })).status).toBe(401);
    }
  });

  it('has a workspace, a source, a destination and a connection from the start', async () => {
    const { body: connection } = await client.get(`/connections/${DEFAULTS.connection}`);
    expect(connection).toMatchObject({
      name: 'faker',
      workspaceId: DEFAULTS.workspace,
      sourceId: DEFAULTS.source,
      destinationId: DEFAULTS.destination,
    });
    expect(connection.configurations.streams.map((one: { name: string }) => one.name).sort()).toEqual([
      'products',
      'purchases',
      'users',
    ]);
    for (const list of ['workspaces', 'sources', 'destinations', 'connections'])
      expect((await client.get(`/${list}`)).body).toMatchObject({ data: [{}], next: '' });
  });

  it('syncs the real source-faker, and finds nothing new the second time', async () => {
    expect(await client.sync(DEFAULTS.connection)).toMatchObject({ status: 'succeeded', rowsSynced: 2100 });
    const counts = `select (select count(*)::int from raw_airbyte.users), (select count(distinct id)::int from raw_airbyte.users),
      (select count(*)::int from raw_airbyte.products), (select count(*)::int from raw_airbyte.purchases)`;
    expect(await client.rows(counts)).toEqual([[1000, 1000, 100, 1000]]);
    expect(await client.sync(DEFAULTS.connection)).toMatchObject({ status: 'succeeded', rowsSynced: 0 });
    expect(await client.rows(counts)).toEqual([[1000, 1000, 100, 1000]]);
    const [[type, address]] = await client.rows(
      `select typeof(updated_at), address ->> '$.city' is not null from raw_airbyte.users limit 1`,
    );
    expect([type, address]).toEqual(['TIMESTAMP WITH TIME ZONE', true]);
    const [columns] = await client.rows(
      `select list(column_name order by column_index)[1:4] from duckdb_columns() where table_name = 'users'`,
    );
    expect(columns).toEqual([['id', 'created_at', 'updated_at', 'name']]);
  });

  it('is left alone by a second deploy', async () => {
    expect(await stack.deploy('ingestion')).toEqual({ changed: false, summary: 'unchanged' });
  });

  it.each([
    ['a path', { destination_path: '/tmp/other.duckdb' }, 'destination_path'],
    ['another kind', { destinationType: 'postgres' }, "isn't supported"],
    ['a schema of the models', { schema: 'marts' }, "isn't for sources"],
    ['no name', { schema: 'a"; drop table x' }, 'is no name'],
  ])('loads nothing but the warehouse: %s', async (_name, configuration, message) => {
    const { status, body } = await client.post('/destinations', {
      name: 'x',
      workspaceId: DEFAULTS.workspace,
      configuration,
    });
    expect([status, body.detail]).toEqual([400, expect.stringContaining(message)]);
  });

  it.each([
    ['no such connector', { sourceType: 'nonsense' }, 'make connector add=source-nonsense'],
    ['a path as its name', { sourceType: '../../bin/sh' }, 'make connector'],
    ['a wrong type', { sourceType: 'faker', count: 'many' }, undefined],
  ])('refuses a source with %s', async (_name, configuration, remedy) => {
    const { status, body } = await client.post('/sources', {
      name: 'x',
      workspaceId: DEFAULTS.workspace,
      configuration,
    });
    expect(status).toBe(400);
    if (remedy) expect(body.remedy).toContain(remedy);
    else expect(body.detail).toContain('configuration.count must be integer');
  });

  it('answers 404 for what isn’t there, and 400 for what it can’t do', async () => {
    const none = '00000000-0000-4000-8000-000000000000';
    for (const path of [
      `/sources/${none}`,
      '/connections/no-id',
      '/jobs/999',
      '/jobs/x',
      `/destinations/${none}`,
    ])
      expect([path, (await client.get(path)).status]).toEqual([path, 404]);
    expect((await client.post('/jobs', { connectionId: none, jobType: 'sync' })).status).toBe(404);
    expect((await client.post('/jobs', { connectionId: DEFAULTS.connection, jobType: 'x' })).status).toBe(
      400,
    );
    expect((await client.post('/connections', {})).status).toBe(400);
    expect((await client.get('/jobs?createdAtStart=yesterday')).status).toBe(400);
    const twin = { sourceId: DEFAULTS.source, destinationId: DEFAULTS.destination };
    expect((await client.post('/connections', twin)).body.detail).toContain(
      'is loaded by the connection faker',
    );
    const schedule = { scheduleType: 'cron', cronExpression: '0 0 * * * ?' };
    expect((await client.patch(`/connections/${DEFAULTS.connection}`, { schedule })).status).toBe(400);
    expect((await client.delete(`/sources/${DEFAULTS.source}`)).status).toBe(409);
  });

  it('pages through its lists', async () => {
    const first = (await client.get(`/jobs?limit=1&connectionId=${DEFAULTS.connection}`)).body;
    expect(first.data).toHaveLength(1);
    const second = (await client.get(`/jobs${new URL(first.next).search}`)).body;
    expect(second).toMatchObject({ data: [{ jobId: first.data[0].jobId - 1 }], next: '' });
  });
});
