import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ObjectStore } from '@stack/snapshot/testing';
import { startDuckdbHttp, TOKEN } from './testing';
import { Usage } from './usage';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'usage-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('counts by day, token and text; keeps eight days, over a restart too', async () => {
  const file = join(dir, 'access', 'usage.json');
  const usage = await Usage.open(file);
  for (let day = 1; day <= 9; day += 1) usage.count('root', 'select 1', new Date(Date.UTC(2026, 10, day)));
  usage.count('root', 'select 1', new Date('2026-11-09T23:59:59Z'));
  usage.count('customer', 'select 1', new Date('2026-11-09T12:00:00Z'));
  await usage.close();
  const again = await Usage.open(file);
  expect(again.of('2026-11-09')).toEqual([
    { token: 'root', sql: 'select 1', count: 2 },
    { token: 'customer', sql: 'select 1', count: 1 },
  ]);
  expect(again.of('2026-11-02')).toHaveLength(1);
  expect(again.of('2026-11-01')).toEqual([]);
  await again.close();
});

test('is bounded, and a damaged file is begun anew', async () => {
  const file = join(dir, 'usage.json');
  await writeFile(file, '{"2026-11-01": 5}');
  const usage = await Usage.open(file);
  const now = new Date('2026-11-28T00:00:00Z');
  for (let number = 0; number < 600; number += 1) usage.count('root', `select ${number}`, now);
  usage.count('root', 'select 0', now);
  usage.count('root', `select '${'x'.repeat(5_000)}'`, now);
  expect(usage.of('2026-11-28')).toHaveLength(500);
  expect(usage.of('2026-11-28')[0].count).toBe(2);
  await usage.close();
});

describe('over HTTP', () => {
  let store: ObjectStore;
  beforeAll(async () => {
    store = await ObjectStore.start();
  });
  afterAll(() => store.stop());

  test('what was answered is counted, for the stack’s own token only', async () => {
    const running = await startDuckdbHttp(store, { TOKENS_FILE: join(dir, 'tokens.json') });
    const get = (path: string, token = TOKEN): Promise<Response> =>
      fetch(running.url + path, { headers: { authorization: `Bearer ${token}` } });
    try {
      const made = await fetch(`${running.url}/v1/tokens`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'customer' }),
      });
      const { token } = (await made.json()) as { token: string };
      await running.query('select 1 as one');
      await running.query('select 1 as one');
      await running.query('select nonsense from nowhere');
      await get('/v1/query?sql=select%202', token);
      const day = new Date().toISOString().slice(0, 10);
      const told = (await (await get(`/v1/usage?day=${day}`)).json()) as { queries: unknown[] };
      expect(told.queries).toEqual([
        { token: 'root', sql: 'select 1 as one', count: 2 },
        { token: 'customer', sql: 'select 2', count: 1 },
      ]);
      expect((await get(`/v1/usage?day=${day}`, token)).status).toBe(403);
      expect((await get('/v1/usage?day=yesterday')).status).toBe(400);
    } finally {
      await running.stop();
    }
  });
});
