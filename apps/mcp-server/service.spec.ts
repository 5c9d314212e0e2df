import { readFileSync, statSync } from 'node:fs';
import { request } from 'node:http';
import * as path from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { redis } from '@stack/redis';
import { TestStack, eventually } from '@stack/testing';
import WebSocket from 'ws';
import { z } from 'zod';
import { mcpServer } from './service';
import { type Era, ERAS, call, connected, overHttp, overStdio } from './src/testing';

/** A stack with the server and one more service; all others are as good as down. */
describe('mcp-server as a unit of the stack', () => {
  let stack: TestStack;
  let url: string;
  let [reader, operator] = ['', ''];
  const clients: Client[] = [];
  const connect = async (...args: Parameters<typeof connected>) => {
    const client = await connected(...args);
    clients.push(client);
    return client;
  };
  const post = (address: string, token: string | undefined, body: unknown, headers: object = {}) =>
    fetch(new URL(address, url), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(token && { authorization: `Bearer ${token}` }),
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });

  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('redis');
    await stack.deployAlone('mcp-server');
    url = stack.resolve(mcpServer.url('http'));
    [reader, operator] = [
      stack.resolve(mcpServer.secret('token')),
      stack.resolve(mcpServer.secret('operator')),
    ];
  }, 120_000);
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close().catch(() => undefined)));
    await stack?.remove();
  });
  const environment = () => path.join(stack.paths.data, 'mcp-server/config/environment.json');

  describe.each(Object.keys(ERAS) as Era[])('with the protocol of %s', (era) => {
    const asked: string[] = [];
    const elicitation = { capabilities: { elicitation: { form: {} } } };
    const answering = (client: Client, confirm: boolean) =>
      client.setRequestHandler('elicitation/create', async ({ params }) => {
        asked.push(params.message);
        return confirm ? { action: 'accept' as const, content: { confirm } } : { action: 'decline' as const };
      });

    test.each(['http', 'stdio'])('over %s: tools, their answers, resources', async (transport) => {
      const client = await connect(
        transport === 'http' ? overHttp(url, reader) : overStdio(environment()),
        era,
      );
      expect(client.getNegotiatedProtocolVersion()).toBe(era);
      const { tools } = await client.listTools();
      const restart = tools.find(({ name }) => name === 'stack_restart');
      expect(restart?.annotations).toMatchObject({ readOnlyHint: false, idempotentHint: true });
      expect(tools.find(({ name }) => name === 'stack_status')?.annotations?.readOnlyHint).toBe(true);
      const { data } = await call(client, 'stack_status');
      expect(data.units).toContainEqual(expect.objectContaining({ name: 'redis', health: 'healthy' }));
      const page = await call(client, 'stack_status', { limit: 1 });
      expect(page.data.total).toBe(2);
      const rest = await call(client, 'stack_status', { limit: 1, cursor: page.data.nextCursor });
      expect([page, rest].map((one) => (one.data.units as { name: string }[])[0].name).sort()).toEqual([
        'mcp-server',
        'redis',
      ]);
      const { contents } = await client.readResource({ uri: 'stack://units' });
      expect(JSON.parse((contents[0] as { text: string }).text)).toHaveLength(2);
    });

    test('what a tool refuses says what is wrong and what to do', async () => {
      const client = await connect(overHttp(url, reader), era);
      const cases: [string, object, string][] = [
        ['stack_unit', { unit: 'redes' }, 'unknown_unit'],
        ['stack_unit', { unit: 7 }, 'invalid_arguments'],
        ['stack_unit', {}, 'invalid_arguments'],
        ['stack_unit', { unit: 'redis', more: 1 }, 'invalid_arguments'],
        ['stack_status', { cursor: 'nonsense' }, 'bad_cursor'],
        ['stack_logs', { unit: 'redis', from: 'yesterday' }, 'invalid_arguments'],
        ['stack_restart', { unit: 'redis' }, 'scope_missing'],
      ];
      for (const [name, args, code] of cases) {
        const refusal = await call(client, name, args).catch((error: Error) => error);
        // Who has not the scope is refused by HTTP already, with what it lacks.
        if (refusal instanceof Error) {
          expect([name, code]).toEqual(['stack_restart', 'scope_missing']);
          continue;
        }
        expect([name, refusal.isError, refusal.error?.code]).toEqual([name, true, code]);
        expect(refusal.error?.remedy).toMatch(/\w/);
      }
      await expect(call(client, 'no_such_tool')).rejects.toThrow(/no_such_tool/);
    });

    test('what changes something asks first, and is left when the person declines', async () => {
      const client = await connect(overHttp(url, operator), era, elicitation);
      const pid = async () => (await stack.unit('redis')).pid;
      const before = await pid();
      answering(client, false);
      const declined = await call(client, 'stack_restart', { unit: 'redis' });
      expect([declined.error?.code, await pid()]).toEqual(['declined', before]);
      answering(client, true);
      const { data } = await call(client, 'stack_restart', { unit: 'redis' });
      expect(data.started).toEqual(['redis/main']);
      expect(await pid()).not.toBe(before);
      expect(asked.every((question) => question.includes('Restart redis?'))).toBe(true);
      expect(asked.length).toBeGreaterThanOrEqual(2);
      // A wrong name is told without asking.
      asked.length = 0;
      expect((await call(client, 'stack_restart', { unit: 'Redis!' })).error?.code).toBe('invalid_arguments');
      expect(asked).toEqual([]);
    });

    test('who can’t be asked does it by its token alone', async () => {
      const client = await connect(overHttp(url, operator), era);
      expect((await call(client, 'stack_restart', { unit: 'redis' })).data.unit).toBe('redis');
    });
  });

  test('a client that was started with --operate may change something, another may not', async () => {
    const client = await connect(overStdio(environment()), '2026-07-28');
    expect((await call(client, 'stack_restart', { unit: 'redis' })).error?.code).toBe('scope_missing');
    const able = await connect(overStdio(environment(), '--operate'), '2026-07-28');
    expect((await call(able, 'stack_restart', { unit: 'redis' })).data.started).toEqual(['redis/main']);
  });

  test('the file with the environment is for its owner only', () => {
    expect(statSync(environment()).mode & 0o077).toBe(0);
    expect(JSON.parse(readFileSync(environment(), 'utf8'))).toMatchObject({ API_TOKEN: reader });
  });

  test('logs: by text, by time, page by page', async () => {
    const client = await connect(overHttp(url, reader), '2026-07-28');
    const all = await call(client, 'stack_logs', { unit: 'redis', limit: 500 });
    const lines = all.data.lines as { text: string; at?: string }[];
    expect(lines.length).toBeGreaterThan(3);
    const ready = await call(client, 'stack_logs', { unit: 'redis', search: 'READY TO accept' });
    expect(
      (ready.data.lines as { text: string }[]).every(({ text }) => text.includes('Ready to accept')),
    ).toBe(true);
    const newest = await call(client, 'stack_logs', { unit: 'redis', limit: 2 });
    const older = await call(client, 'stack_logs', {
      unit: 'redis',
      limit: 2,
      cursor: newest.data.nextCursor,
    });
    expect([...(older.data.lines as object[]), ...(newest.data.lines as object[])]).toEqual(lines.slice(-4));
    const future = new Date(Date.now() + 3_600_000).toISOString();
    expect((await call(client, 'stack_logs', { unit: 'redis', from: future })).data.lines).toEqual([]);
    expect((await call(client, 'stack_logs', { unit: 'nobody' })).error?.code).toBe('unknown_unit');
  });

  test('tokens: none, a wrong one, one that ended, one without the scope', async () => {
    const hello = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    for (const token of [undefined, 'guess', 'a.b.c']) {
      const answer = await post('/mcp', token, hello);
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
        401,
        expect.stringContaining(
          `resource_metadata="${url}/.well-known/oauth-protected-resource/mcp"`,
        ) as string,
      ]);
    }
    const metadata = (await (
      await fetch(`${url}/.well-known/oauth-protected-resource/mcp`)
    ).json()) as object;
    expect(metadata).toMatchObject({ resource: `${url}/mcp`, scopes_supported: ['read', 'operate'] });
    const made = await post('/v1/tokens', operator, { name: 'short', expiresIn: 1 });
    const { token } = (await made.json()) as { token: string };
    expect((await post('/v1/tools/stack_status', token, {})).status).toBe(200);
    const denied = await post('/v1/tools/stack_restart', token, { unit: 'redis' });
    expect([denied.status, ((await denied.json()) as { code: string }).code]).toEqual([403, 'scope_missing']);
    await eventually(async () => expect((await post('/v1/tools/stack_status', token, {})).status).toBe(401));
    expect(await (await post('/v1/tools/stack_status', token, {})).text()).toContain('expired');
    expect((await post('/v1/tokens', reader, { name: 'mine', scopes: ['operate'] })).status).toBe(403);
    expect((await post('/v1/tokens', operator, { name: 'a b' })).status).toBe(400);
  });

  test('what is no message of the protocol is refused in its words', async () => {
    const cases: [unknown, number, number][] = [
      ['{"jsonrpc"', 400, -32700],
      [{ jsonrpc: '2.0', id: 1, method: 'tools/list' }, 400, 0],
      [{ hello: 1 }, 400, 0],
      [[], 400, 0],
    ];
    for (const [body, status, code] of cases) {
      const answer = await post('/mcp', reader, body);
      expect([body, answer.status]).toEqual([body, status]);
      if (code) expect(((await answer.json()) as { error: { code: number } }).error.code).toBe(code);
    }
    const client = await connect(overHttp(url, reader), '2026-07-28');
    await expect(client.request({ method: 'no/such', params: {} }, z.object({}))).rejects.toThrow(
      /not found/i,
    );
    const long = await call(client, 'stack_logs', { unit: 'x'.repeat(3 * 2 ** 20) });
    expect([long.error?.code, long.text.length < 1_000]).toEqual(['invalid_arguments', true]);
    // More is refused, or cut off while it is still being sent.
    const huge = await post('/v1/tools/stack_logs', reader, { unit: 'x'.repeat(5 * 2 ** 20) }).catch(
      () => undefined,
    );
    expect(huge?.status ?? 413).toBe(413);
    expect((await call(client, 'stack_status')).isError).toBeFalsy();
  });

  test('pages of other sites, and other host names, get nothing', async () => {
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    expect((await post('/mcp', reader, body, { origin: 'https://evil.example' })).status).toBe(403);
    const { hostname, port } = new URL(url);
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
    const description = (await (await fetch(`${url}/v1/openapi.json`)).json()) as {
      paths: Record<string, object>;
    };
    const { Validator } = await import('@seriousme/openapi-schema-validator');
    expect(await new Validator().validate({ ...description })).toMatchObject({ valid: true });
    const { tools } = (await (
      await fetch(`${url}/v1/tools`, { headers: { authorization: `Bearer ${reader}` } })
    ).json()) as { tools: { name: string; allowed: boolean }[] };
    expect(Object.keys(description.paths).sort()).toEqual(
      tools.map(({ name }) => `/v1/tools/${name}`).sort(),
    );
    expect(tools.find(({ name }) => name === 'stack_restart')?.allowed).toBe(false);
    const answer = await post('/v1/tools/stack_unit', reader, { unit: 'redis' });
    expect(await answer.json()).toMatchObject({ data: { unit: { name: 'redis' } } });
    for (const [name, body, status] of [
      ['stack_unit', { unit: 'nobody' }, 404],
      ['stack_unit', { unit: 1 }, 400],
      ['nothing', {}, 404],
    ] as const) {
      const refused = await post(`/v1/tools/${name}`, reader, body);
      expect([name, refused.status, refused.headers.get('content-type')]).toEqual([
        name,
        status,
        'application/problem+json; charset=utf-8',
      ]);
    }
  });

  describe('events', () => {
    interface Message {
      type: string;
      id?: number;
      lastId?: number;
      subject?: string;
      data?: { health?: string };
    }
    const follow = async (message: object) => {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/events?token=${reader}`);
      const messages: Message[] = [];
      socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString()) as Message));
      await new Promise((resolve) => socket.once('open', resolve));
      socket.send(JSON.stringify(message));
      await eventually(async () => expect(messages.length).toBeGreaterThan(0));
      return { socket, messages };
    };

    test('a service that goes down and comes back is told, and what was missed is told later', async () => {
      const client = await connect(overHttp(url, reader), '2025-11-25');
      const updated: string[] = [];
      client.setNotificationHandler(
        'notifications/resources/updated',
        ({ params }) => void updated.push(params.uri),
      );
      await client.subscribeResource({ uri: 'stack://units' });
      // The newer protocol has a stream for it, over both transports.
      const listening = ['http', 'stdio'].map(async (transport) => {
        const modern = await connect(
          transport === 'http' ? overHttp(url, reader) : overStdio(environment()),
          '2026-07-28',
        );
        modern.setNotificationHandler(
          'notifications/resources/updated',
          ({ params }) => void updated.push(`${transport} ${params.uri}`),
        );
        return modern.listen({ resourceSubscriptions: ['stack://units'] });
      });
      const listeners = await Promise.all(listening);
      const { socket, messages } = await follow({ type: 'subscribe', topics: ['health'] });
      const since = messages[0].lastId;
      await stack.stop('redis');
      await stack.deployAlone('redis');
      const pid = (await stack.unit('redis')).pid ?? 0;
      process.kill(pid, 'SIGSTOP');
      await eventually(async () =>
        expect(messages.some(({ subject, data }) => subject === 'redis' && data?.health !== 'healthy')).toBe(
          true,
        ),
      );
      process.kill(pid, 'SIGCONT');
      await eventually(async () =>
        expect(messages.filter(({ subject }) => subject === 'redis').at(-1)?.data?.health).toBe('healthy'),
      );
      await eventually(() =>
        expect(updated).toEqual(
          expect.arrayContaining(['stack://units', 'http stack://units', 'stdio stack://units']),
        ),
      );
      await Promise.all(listeners.map((one) => one.close()));
      const seen = messages.filter(({ type }) => type === 'event');
      socket.close();
      const again = await follow({ type: 'subscribe', topics: ['health'], after: since });
      await eventually(async () => expect(again.messages.length).toBeGreaterThan(seen.length));
      expect(again.messages.slice(1, 1 + seen.length)).toEqual(seen);
      again.socket.close();
      const late = await follow({ type: 'subscribe', topics: ['health'], after: 1 });
      await eventually(async () => expect(late.messages.map(({ type }) => type)).toContain('gap'));
      late.socket.close();
    });

    test('a message that isn’t one is told so; without a token there is nothing', async () => {
      const { socket, messages } = await follow({ type: 'subscribe', topics: ['weather'] });
      expect(messages[0]).toMatchObject({ type: 'error', code: 'invalid_message' });
      socket.close();
      const refused = new WebSocket(`${url.replace('http', 'ws')}/events`);
      const status = await new Promise((resolve) =>
        refused.once('unexpected-response', (_request, answer) => resolve(answer.statusCode)),
      );
      expect(status).toBe(401);
    });
  });

  test('a session goes on where its stream broke, for nobody else', async () => {
    const begin = await post('/mcp', reader, {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
    });
    const session = begin.headers.get('mcp-session-id') as string;
    const first = /^id: (.+)$/m.exec(await begin.text())?.[1] as string;
    const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
    await post('/mcp', reader, { jsonrpc: '2.0', method: 'notifications/initialized' }, headers);
    expect(
      (await post('/mcp', operator, { jsonrpc: '2.0', id: 2, method: 'tools/list' }, headers)).status,
    ).toBe(404);
    // The stream is cut before the answer has come; it is had with the id of what came before.
    const cut = new AbortController();
    const asked = await fetch(new URL('/mcp', url), {
      method: 'POST',
      headers: {
        ...headers,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${reader}`,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 3, method: 'tools/list' }),
      signal: cut.signal,
    });
    const part = await asked.body?.getReader().read();
    const id = /^id: (.+)$/m.exec(Buffer.from(part?.value ?? []).toString())?.[1] as string;
    cut.abort();
    const resumed = await fetch(new URL('/mcp', url), {
      headers: {
        ...headers,
        accept: 'text/event-stream',
        authorization: `Bearer ${reader}`,
        'last-event-id': id,
      },
    });
    const reading = resumed.body?.getReader();
    let text = '';
    await eventually(async () => {
      text += Buffer.from((await reading?.read())?.value ?? []).toString();
      expect(text).toContain('stack_status');
    });
    await reading?.cancel();
    expect(first).toBeTruthy();
    const ended = await fetch(new URL('/mcp', url), {
      method: 'DELETE',
      headers: { ...headers, authorization: `Bearer ${reader}` },
    });
    expect(ended.status).toBe(200);
    expect((await post('/mcp', reader, { jsonrpc: '2.0', id: 4, method: 'ping' }, headers)).status).toBe(404);
  });

  test('a service that isn’t there is named', async () => {
    const client = await connect(overHttp(url, reader), '2026-07-28');
    await stack.stop('redis');
    await eventually(async () =>
      expect((await call(client, 'stack_unit', { unit: 'redis' })).error?.code).toBe('unknown_unit'),
    );
    await stack.deploy('redis');
    expect(stack.resolve(redis.port('redis'))).toMatch(/^\d+$/);
  });

  test('health and metrics need no token and tell nothing of the data', async () => {
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'ok' });
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('mcp_sessions');
  });
});
