import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import type { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { eventually } from '@stack/testing';
import type { FastifyInstance } from 'fastify';
import WebSocket from 'ws';
import type { Core } from './core';
import { createHttp } from './http';
import { call, connected, overHttp } from './testing';

const READER = 'reader-of-the-spec';

/** Many at once, those that go away, those that are too slow. */
describe('a server with much to do', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'mcp-faults-'));
  const servers: FastifyInstance[] = [];
  let core: Core;
  let url = '';
  const clients: Client[] = [];
  const open = async (at = url): Promise<Client> => {
    const client = await connected(overHttp(at, READER), '2025-11-25');
    clients.push(client);
    return client;
  };

  beforeAll(async () => {
    const file = path.join(dir, 'registry.json');
    writeFileSync(
      file,
      JSON.stringify([
        {
          unit: 's3',
          kind: 'module',
          layer: 'infra',
          summary: '',
          deployedAt: '2026-11-30T00:00:00Z',
          dependsOn: [],
        },
      ]),
    );
    env = {
      API_TOKEN: READER,
      OPERATOR_TOKEN: 'operator',
      SIGNING_KEY: 'key',
      REGISTRY_FILE: file,
      MCP_MAX_SESSIONS: '210',
      MCP_MCP_SERVER__LOGS: dir,
      MCP_DUCKDB_HTTP__URL: 'http://127.0.0.1:9',
      MCP_DUCKDB_HTTP__TOKEN: 'none',
    };
    ({ url, core } = await serve());
  });
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close().catch(() => undefined)));
    await Promise.all(servers.map((server) => server.close()));
    rmSync(dir, { recursive: true });
  });
  let env: NodeJS.ProcessEnv = {};
  const serve = async (more: NodeJS.ProcessEnv = {}): Promise<{ url: string; core: Core }> => {
    const { server, core: its } = await createHttp({ ...env, ...more }, { logLevel: 'silent' });
    servers.push(server);
    return { url: await server.listen({ host: '127.0.0.1', port: 0 }), core: its };
  };
  const sessions = async (at = url) =>
    ((await (await fetch(`${at}/health`)).json()) as { sessions: number }).sessions;

  test('has two hundred sessions at once, and refuses those beyond its limit until some have ended', async () => {
    const begun = await Promise.all(Array.from({ length: 200 }, () => open()));
    expect(await sessions()).toBeGreaterThanOrEqual(200);
    const answers = await Promise.all(begun.map((client) => call(client, 'stack_status')));
    expect(answers.every(({ data }) => (data.units as object[]).length === 1)).toBe(true);
    const more = await Promise.allSettled(Array.from({ length: 20 }, () => open()));
    const refused = more.filter((one) => one.status === 'rejected');
    expect(refused.length).toBeGreaterThanOrEqual(10);
    expect(String(refused[0].reason)).toMatch(/too_many_sessions|503/);
    const ended = clients.splice(0);
    await Promise.all(
      ended.map(async (client) => {
        await (client.transport as StreamableHTTPClientTransport).terminateSession();
        await client.close();
      }),
    );
    await eventually(async () => expect(await sessions()).toBe(0));
    expect((await call(await open(), 'stack_status')).data.total).toBe(1);
  });

  test('forgets a session that nobody uses', async () => {
    const { url: other } = await serve({ MCP_SESSION_IDLE_MS: '1000' });
    const client = await open(other);
    expect(await sessions(other)).toBe(1);
    // It has a stream open until it goes.
    await client.close();
    await eventually(async () => expect(await sessions(other)).toBe(0));
  });

  const follow = (): Promise<{ socket: WebSocket; ids: number[] }> => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/events?token=${READER}`);
    const ids: number[] = [];
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as { type: string; id: number };
      if (message.type === 'event') ids.push(message.id);
    });
    return new Promise((resolve) =>
      socket.once('open', () => {
        socket.send('{"type":"subscribe","topics":["runs"]}');
        socket.once('message', () => resolve({ socket, ids }));
      }),
    );
  };

  test('tells a thousand events a second in order to who reads, and sends away who doesn’t', async () => {
    const reader = await follow();
    const sleeper = await follow();
    // Nothing more is taken from its connection.
    (sleeper.socket as unknown as { _socket: { pause(): void } })._socket.pause();
    const closed = new Promise<number>((resolve) => sleeper.socket.once('close', resolve));
    const first = core.events.lastId;
    const total = 6_000;
    for (let sent = 0; sent < total; sent += 100) {
      for (let i = 0; i < 100; i += 1)
        core.events.publish('runs', `run-${sent + i}`, { note: 'x'.repeat(1_000) });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await eventually(() => expect(reader.ids).toHaveLength(total));
    expect(reader.ids).toEqual(Array.from({ length: total }, (_, i) => first + 1 + i));
    (sleeper.socket as unknown as { _socket: { resume(): void } })._socket.resume();
    expect(await closed).toBe(4429);
    expect(core.events.after(first)).toBeUndefined();
    expect(core.events.after(core.events.lastId - 10)).toHaveLength(10);
    reader.socket.close();
  });

  test('says which service is down', async () => {
    const { error } = await call(await open(), 'data_query', { sql: 'select 1' });
    expect(error).toMatchObject({ code: 'service_down' });
    expect(error?.message).toContain('duckdb-http');
  });

  test('lets a service go when its caller is gone in the middle, however it came', async () => {
    // Takes a question and never answers it.
    let waiting = 0;
    const silent = createServer((_request, response) => {
      waiting += 1;
      response.once('close', () => (waiting -= 1));
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const { url: at } = await serve({ MCP_DUCKDB_HTTP__URL: `http://127.0.0.1:${port}` });
    try {
      const client = await open(at);
      const input = { sql: 'select 1' };
      const ways: ((signal: AbortSignal) => Promise<unknown>)[] = [
        (signal) => client.callTool({ name: 'data_query', arguments: input }, { signal }),
        (signal) =>
          fetch(`${at}/v1/tools/data_query`, {
            method: 'POST',
            headers: { authorization: `Bearer ${READER}`, 'content-type': 'application/json' },
            body: JSON.stringify(input),
            signal,
          }),
      ];
      for (const way of ways) {
        const cut = new AbortController();
        const asked = way(cut.signal).catch(() => undefined);
        await eventually(() => expect(waiting).toBe(1));
        cut.abort();
        await asked;
        await eventually(() => expect(waiting).toBe(0));
      }
      expect((await call(client, 'stack_status')).data.total).toBe(1);
    } finally {
      silent.closeAllConnections();
      silent.close();
    }
  });
});
