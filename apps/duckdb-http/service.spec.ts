import { TestStack } from '@stack/testing';
import { duckdbHttp } from './service';

describe('duckdb-http as a unit of the stack', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('duckdb-http');
  });
  afterAll(() => stack.remove());

  const post = (token?: string, host?: string) =>
    fetch(`${stack.resolve(duckdbHttp.url('http'))}/v1/query`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token && { authorization: `Bearer ${token}` }),
        ...(host && { host }),
      },
      body: JSON.stringify({ sql: 'select 42 as answer' }),
    });

  it('answers who has its token, before anything is published', async () => {
    expect(duckdbHttp.ports.http.number).toBe(4200);
    const response = await post(stack.resolve(duckdbHttp.secret('token')));
    expect(await response.json()).toMatchObject({ rows: [[42]], snapshot: { id: null } });
  });

  it('refuses who has none', async () => {
    expect((await post()).status).toBe(401);
    expect((await post('guess')).status).toBe(401);
  });
});
