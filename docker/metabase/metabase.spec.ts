import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type PlanContext, type Value, resolve } from '@stack/model';
import { ADMIN, QUESTIONS, setUp } from './set-up';
// eslint-disable-next-line @typescript-eslint/no-require-imports -- it also runs in a container, without TypeScript
const metabase = require('./stand-in.cjs') as () => Parameters<typeof createServer>[1];

interface Asked {
  readonly method: string;
  readonly path: string;
}

let server: Server;
let port: number;
let asked: Asked[];
beforeEach(async () => {
  const listener = metabase() as (...args: unknown[]) => void;
  asked = [];
  server = createServer((request, response) => {
    asked.push({ method: request.method as string, path: request.url as string });
    listener(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  ({ port } = server.address() as AddressInfo);
});
afterEach(() => server.close());

const inside = (value: Value): string =>
  resolve(value, ({ $ref, key }) => ({ host: 'postgres', port: '5432' })[$ref as 'host'] ?? `the ${key}`);
const context = (password = 'one') =>
  ({ port: () => port, secret: () => password, inside, resolve: inside }) as unknown as PlanContext;

/** As the administrator sees it. */
async function get<T>(path: string): Promise<T> {
  const call = (way: string, init?: RequestInit) =>
    fetch(`http://127.0.0.1:${port}/api/${way}`, {
      headers: { 'content-type': 'application/json' },
      ...init,
    });
  const session = (await (
    await call('session', { method: 'POST', body: JSON.stringify({ username: ADMIN, password: 'one' }) })
  ).json()) as { id: string };
  return (await (await call(path, { headers: { 'x-metabase-session': session.id } })).json()) as T;
}

describe('Metabase', () => {
  it('gets its administrator, the marts, and a dashboard', async () => {
    await setUp(context());
    expect((await get<{ data: object[] }>('database')).data).toEqual([
      expect.objectContaining({
        engine: 'postgres',
        details: expect.objectContaining({
          host: 'postgres',
          port: 5432,
          dbname: 'marts',
          user: 'reader',
          password: 'the reader',
        }),
      }),
    ]);
    expect(await get('card')).toHaveLength(QUESTIONS.length);
    const [{ dashcards }] = await get<{ dashcards: { card_id: number }[] }[]>('dashboard');
    expect(dashcards.map((card) => card.card_id)).toEqual([1, 2]);
  });

  it('is left as it is the second time, but for the marts’ address', async () => {
    await setUp(context());
    asked.length = 0;
    await setUp(context());
    expect(asked.filter(({ method }) => method !== 'GET')).toEqual([
      { method: 'POST', path: '/api/session' },
      { method: 'PUT', path: '/api/database/1' },
    ]);
  });

  it('that has another password says how to go on', async () => {
    await setUp(context());
    await expect(setUp(context('another'))).rejects.toMatchObject({
      code: 'NOT_SET_UP',
      message: expect.stringContaining('answers 401'),
      remedy: expect.stringContaining('make -s secret s=metabase k=admin'),
    });
  });
});
