import { request } from 'node:http';
import { eventually } from '@stack/testing';
import { z } from 'zod';
import { RunningServer, call, overHttp } from './testing';

/** Tokens, other sites, what is no message, REST. */
describe('who may ask, and how', () => {
  let running: RunningServer;
  beforeAll(async () => {
    running = await RunningServer.start();
  }, 120_000);
  afterAll(() => running?.stop());

  test('tokens: none, a wrong one, one that ended, one without the scope', async () => {
    const hello = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    for (const token of [undefined, 'guess', 'a.b.c']) {
      const answer = await running.post('/mcp', token, hello);
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
        401,
        expect.stringContaining(
          `resource_metadata="${running.url}/.well-known/oauth-protected-resource/mcp"`,
        ) as string,
      ]);
    }
    const metadata = (await (
      await fetch(`${running.url}/.well-known/oauth-protected-resource/mcp`)
    ).json()) as object;
    expect(metadata).toMatchObject({ resource: `${running.url}/mcp`, scopes_supported: ['read', 'operate'] });
    const made = await running.post('/v1/tokens', running.operator, { name: 'short', expiresIn: 1 });
    const { token } = (await made.json()) as { token: string };
    expect((await running.post('/v1/tools/stack_status', token, {})).status).toBe(200);
    const denied = await running.post('/v1/tools/stack_restart', token, { unit: 'redis' });
    expect([denied.status, ((await denied.json()) as { code: string }).code]).toEqual([403, 'scope_missing']);
    await eventually(async () =>
      expect((await running.post('/v1/tools/stack_status', token, {})).status).toBe(401),
    );
    expect(await (await running.post('/v1/tools/stack_status', token, {})).text()).toContain('expired');
    expect(
      (await running.post('/v1/tokens', running.reader, { name: 'mine', scopes: ['operate'] })).status,
    ).toBe(403);
    expect((await running.post('/v1/tokens', running.operator, { name: 'a b' })).status).toBe(400);
  });

  test('what is no message of the protocol is refused in its words', async () => {
    const cases: [unknown, number, number][] = [
      ['{"jsonrpc"', 400, -32700],
      [{ jsonrpc: '2.0', id: 1, method: 'tools/list' }, 400, 0],
      [{ hello: 1 }, 400, 0],
      [[], 400, 0],
    ];
    for (const [body, status, code] of cases) {
      const answer = await running.post('/mcp', running.reader, body);
      expect([body, answer.status]).toEqual([body, status]);
      if (code) expect(((await answer.json()) as { error: { code: number } }).error.code).toBe(code);
    }
    const client = await running.connect(overHttp(running.url, running.reader), '2026-07-28');
    await expect(client.request({ method: 'no/such', params: {} }, z.object({}))).rejects.toThrow(
      /not found/i,
    );
    const long = await call(client, 'stack_logs', { unit: 'x'.repeat(3 * 2 ** 20) });
    expect([long.error?.code, long.text.length < 1_000]).toEqual(['invalid_arguments', true]);
    // More is refused, or cut off while it is still being sent.
    const huge = await running
      .post('/v1/tools/stack_logs', running.reader, { unit: 'x'.repeat(5 * 2 ** 20) })
      .catch(() => undefined);
    expect(huge?.status ?? 413).toBe(413);
    expect((await call(client, 'stack_status')).isError).toBeFalsy();
  });

  test('pages of other sites, and other host names, get nothing', async () => {
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    expect(
      (await running.post('/mcp', running.reader, body, { origin: 'https://evil.example' })).status,
    ).toBe(403);
    const { hostname, port } = new URL(running.url);
    const raw = await new Promise<number>((resolve, reject) => {
      request({ hostname, port, path: '/v1', headers: { host: 'evil.example' } }, (answer) =>
        resolve(answer.statusCode ?? 0),
      )
        .on('error', reject)
        .end();
    });
    expect(raw).toBe(421);
  });

  test('REST has the same tools, and its description is valid', async () => {
    const description = (await (await fetch(`${running.url}/v1/openapi.json`)).json()) as {
      paths: Record<string, object>;
    };
    const { Validator } = await import('@seriousme/openapi-schema-validator');
    expect(await new Validator().validate({ ...description })).toMatchObject({ valid: true });
    const { tools } = (await (
      await fetch(`${running.url}/v1/tools`, { headers: { authorization: `Bearer ${running.reader}` } })
    ).json()) as { tools: { name: string; allowed: boolean }[] };
    expect(Object.keys(description.paths).sort()).toEqual(
      tools.map(({ name }) => `/v1/tools/${name}`).sort(),
    );
    expect(tools.find(({ name }) => name === 'stack_restart')?.allowed).toBe(false);
    const answer = await running.post('/v1/tools/stack_unit', running.reader, { unit: 'redis' });
    expect(await answer.json()).toMatchObject({ data: { unit: { name: 'redis' } } });
    for (const [name, body, status] of [
      ['stack_unit', { unit: 'nobody' }, 404],
      ['stack_unit', { unit: 1 }, 400],
      ['nothing', {}, 404],
    ] as const) {
      const refused = await running.post(`/v1/tools/${name}`, running.reader, body);
      expect([name, refused.status, refused.headers.get('content-type')]).toEqual([
        name,
        status,
        'application/problem+json; charset=utf-8',
      ]);
    }
  });
});
