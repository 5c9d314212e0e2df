import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
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
  let server: FastifyInstance;
  let core: Core;
  let url = '';
  const clients: Client[] = [];
  const open = async (): Promise<Client> => {
    const client = await connected(overHttp(url, READER), '2025-11-25');
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
    ({ server, core } = await createHttp(
      {
        API_TOKEN: READER,
        OPERATOR_TOKEN: 'operator',
        SIGNING_KEY: 'key',
        REGISTRY_FILE: file,
        MCP_MAX_SESSIONS: '210',
        MCP_SESSION_IDLE_MS: '20000',
        MCP_MCP_SERVER__LOGS: dir,
        MCP_DUCKDB_HTTP__URL: 'http://127.0.0.1:9',
        MCP_DUCKDB_HTTP__TOKEN: 'none',
      },
      { logLevel: 'silent' },
    ));
    url = await server.listen({ host: '127.0.0.1', port: 0 });
  });
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close().catch(() => undefined)));
    await server.close();
    rmSync(dir, { recursive: true });
  });
  const sessions = async () =>
    ((await (await fetch(`${url}/health`)).json()) as { sessions: number }).sessions;

  test('has two hundred sessions at once, refuses those beyond its limit, and forgets those that nobody uses', async () => {
    const begun = await Promise.all(Array.from({ length: 200 }, open));
    expect(await sessions()).toBeGreaterThanOrEqual(200);
    const answers = await Promise.all(begun.map((client) => call(client, 'stack_status')));
    expect(answers.every(({ data }) => (data.units as object[]).length === 1)).toBe(true);
    const more = await Promise.allSettled(Array.from({ length: 20 }, open));
    const refused = more.filter((one) => one.status === 'rejected');
    expect(refused.length).toBeGreaterThanOrEqual(10);
    expect(String(refused[0].reason)).toMatch(/too_many_sessions|503/);
    // A client without a stream of its own is gone as far as the server can tell.
    await Promise.all(clients.splice(0).map((client) => client.close().catch(() => undefined)));
    await eventually(async () => expect(await sessions()).toBe(0), 100_000);
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

  test('says which service is down, and goes on when a client leaves in the middle', async () => {
    const client = await open();
    const { error } = await call(client, 'data_query', { sql: 'select 1' });
    expect(error).toMatchObject({ code: 'service_down' });
    expect(error?.message).toContain('duckdb-http');
    const cut = new AbortController();
    const left = fetch(`${url}/v1/tools/stack_status`, {
      method: 'POST',
      headers: { authorization: `Bearer ${READER}`, 'content-type': 'application/json' },
      body: '{}',
      signal: cut.signal,
    }).catch(() => undefined);
    cut.abort();
    await left;
    expect((await call(client, 'stack_status')).data.total).toBe(1);
  });
});
