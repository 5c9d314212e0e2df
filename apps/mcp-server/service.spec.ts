import { readFileSync, statSync } from 'node:fs';
import type { Client } from '@modelcontextprotocol/client';
import { redis } from '@stack/redis';
import { eventually } from '@stack/testing';
import { type Era, ERAS, RunningServer, call, overHttp, overStdio } from './src/testing';

/** Started by the stack, asked by the official client: both versions of the protocol, both transports. */
describe('mcp-server as a unit of the stack', () => {
  let running: RunningServer;
  beforeAll(async () => {
    running = await RunningServer.start();
  }, 120_000);
  afterAll(() => running?.stop());

  describe.each(Object.keys(ERAS) as Era[])('with the protocol of %s', (era) => {
    const asked: string[] = [];
    const elicitation = { capabilities: { elicitation: { form: {} } } };
    const answering = (client: Client, confirm: boolean) =>
      client.setRequestHandler('elicitation/create', async ({ params }) => {
        asked.push(params.message);
        return confirm ? { action: 'accept' as const, content: { confirm } } : { action: 'decline' as const };
      });

    test.each(['http', 'stdio'])('over %s: tools, their answers, resources', async (transport) => {
      const client = await running.connect(
        transport === 'http' ? overHttp(running.url, running.reader) : overStdio(running.environment),
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
      const client = await running.connect(overHttp(running.url, running.reader), era);
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
      const client = await running.connect(overHttp(running.url, running.operator), era, elicitation);
      const pid = async () => (await running.stack.unit('redis')).pid;
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
      const client = await running.connect(overHttp(running.url, running.operator), era);
      expect((await call(client, 'stack_restart', { unit: 'redis' })).data.unit).toBe('redis');
    });
  });

  test('a client that was started with --operate may change something, another may not', async () => {
    const client = await running.connect(overStdio(running.environment), '2026-07-28');
    expect((await call(client, 'stack_restart', { unit: 'redis' })).error?.code).toBe('scope_missing');
    const able = await running.connect(overStdio(running.environment, '--operate'), '2026-07-28');
    expect((await call(able, 'stack_restart', { unit: 'redis' })).data.started).toEqual(['redis/main']);
  });

  test('the file with the environment is for its owner only', () => {
    expect(statSync(running.environment).mode & 0o077).toBe(0);
    expect(JSON.parse(readFileSync(running.environment, 'utf8'))).toMatchObject({
      API_TOKEN: running.reader,
    });
  });

  test('logs: by text, by time, page by page', async () => {
    const client = await running.connect(overHttp(running.url, running.reader), '2026-07-28');
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

  test('a service that isn’t there is named', async () => {
    const client = await running.connect(overHttp(running.url, running.reader), '2026-07-28');
    await running.stack.stop('redis');
    await eventually(async () =>
      expect((await call(client, 'stack_unit', { unit: 'redis' })).error?.code).toBe('unknown_unit'),
    );
    await running.stack.deploy('redis');
    expect(running.stack.resolve(redis.port('redis'))).toMatch(/^\d+$/);
  });

  test('health and metrics need no token and tell nothing of the data', async () => {
    expect(await (await fetch(`${running.url}/health`)).json()).toMatchObject({ status: 'ok' });
    expect(await (await fetch(`${running.url}/metrics`)).text()).toContain('mcp_sessions');
  });
});
