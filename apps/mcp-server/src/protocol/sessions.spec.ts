import { eventually } from '@stack/testing';
import { RunningServer } from '../testing';

/** As a client without the SDK sees them. */
describe('sessions of the protocol of 2025', () => {
  let running: RunningServer;
  beforeAll(async () => {
    running = await RunningServer.start();
  }, 120_000);
  afterAll(() => running?.stop());

  test('a session goes on where its stream broke, for nobody else', async () => {
    const begin = await running.post('/mcp', running.reader, {
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
    });
    const session = begin.headers.get('mcp-session-id') as string;
    const first = /^id: (.+)$/m.exec(await begin.text())?.[1] as string;
    const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
    await running.post(
      '/mcp',
      running.reader,
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      headers,
    );
    expect(
      (await running.post('/mcp', running.operator, { jsonrpc: '2.0', id: 2, method: 'tools/list' }, headers))
        .status,
    ).toBe(404);
    // The stream is cut before the answer has come; it is had with the id of what came before.
    const cut = new AbortController();
    const asked = await fetch(new URL('/mcp', running.url), {
      method: 'POST',
      headers: {
        ...headers,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${running.reader}`,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 3, method: 'tools/list' }),
      signal: cut.signal,
    });
    const part = await asked.body?.getReader().read();
    const id = /^id: (.+)$/m.exec(Buffer.from(part?.value ?? []).toString())?.[1] as string;
    cut.abort();
    const resumed = await fetch(new URL('/mcp', running.url), {
      headers: {
        ...headers,
        accept: 'text/event-stream',
        authorization: `Bearer ${running.reader}`,
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
    const ended = await fetch(new URL('/mcp', running.url), {
      method: 'DELETE',
      headers: { ...headers, authorization: `Bearer ${running.reader}` },
    });
    expect(ended.status).toBe(200);
    expect(
      (await running.post('/mcp', running.reader, { jsonrpc: '2.0', id: 4, method: 'ping' }, headers)).status,
    ).toBe(404);
  });
});
