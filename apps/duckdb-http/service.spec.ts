import { eventually, TestStack } from '@stack/testing';
import { duckdbHttp } from './service';

describe('duckdb-http as a unit of the stack', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('duckdb-http');
  });
  afterAll(() => stack.remove());

  const post = (token?: string, sql = 'select 42 as answer') =>
    fetch(`${stack.resolve(duckdbHttp.url('http'))}/v1/query`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ sql }),
    });

  it('answers who has its token, before anything is published', async () => {
    expect(duckdbHttp.ports.http.number).toBe(4200);
    const response = await post(stack.resolve(duckdbHttp.secret('token')));
    expect(await response.json()).toMatchObject({ rows: [[42]], snapshot: { id: null } });
  });

  it('refuses a query more memory than the process may have, and goes on', async () => {
    const token = stack.resolve(duckdbHttp.secret('token'));
    const { pid } = await stack.unit('duckdb-http');
    for (const sql of [
      "select length(repeat('a', 4000000000))",
      'select length(list(i)) from range(1000000000) t(i)',
    ]) {
      const response = await post(token, sql);
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
        413,
        'query_too_large',
      ]);
    }
    expect((await post(token)).status).toBe(200);
    expect((await stack.unit('duckdb-http')).pid).toBe(pid);
  });

  it('is back after it was killed', async () => {
    const { pid } = await stack.unit('duckdb-http');
    process.kill(pid ?? 0, 'SIGKILL');
    await eventually(async () =>
      expect((await post(stack.resolve(duckdbHttp.secret('token')))).status).toBe(200),
    );
    expect((await stack.unit('duckdb-http')).pid).not.toBe(pid);
  });

  it('refuses who has none', async () => {
    expect((await post()).status).toBe(401);
    expect((await post('guess')).status).toBe(401);
  });
});
