import { eventually } from '@stack/testing';
import WebSocket from 'ws';
import { RunningServer, overHttp, overStdio } from '../testing';

/** What happens in a real stack, over WebSocket and as changes of resources. */
describe('events', () => {
  let running: RunningServer;
  beforeAll(async () => {
    running = await RunningServer.start();
  }, 120_000);
  afterAll(() => running?.stop());

  interface Message {
    type: string;
    id?: number;
    lastId?: number;
    subject?: string;
    data?: { health?: string };
  }
  const follow = async (message: object) => {
    const socket = new WebSocket(`${running.url.replace('http', 'ws')}/events?token=${running.reader}`);
    const messages: Message[] = [];
    socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString()) as Message));
    await new Promise((resolve) => socket.once('open', resolve));
    socket.send(JSON.stringify(message));
    await eventually(async () => expect(messages.length).toBeGreaterThan(0));
    return { socket, messages };
  };

  test('a service that goes down and comes back is told, and what was missed is told later', async () => {
    const client = await running.connect(overHttp(running.url, running.reader), '2025-11-25');
    const updated: string[] = [];
    client.setNotificationHandler(
      'notifications/resources/updated',
      ({ params }) => void updated.push(params.uri),
    );
    await client.subscribeResource({ uri: 'stack://units' });
    // The newer protocol has a stream for it, over both transports.
    const listening = ['http', 'stdio'].map(async (transport) => {
      const modern = await running.connect(
        transport === 'http' ? overHttp(running.url, running.reader) : overStdio(running.environment),
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
    await running.stack.stop('redis');
    await running.stack.deployAlone('redis');
    const pid = (await running.stack.unit('redis')).pid ?? 0;
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
    const refused = new WebSocket(`${running.url.replace('http', 'ws')}/events`);
    const status = await new Promise((resolve) =>
      refused.once('unexpected-response', (_request, answer) => resolve(answer.statusCode)),
    );
    expect(status).toBe(401);
  });
});
