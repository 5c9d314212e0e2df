import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { callerOf } from '@stack/mcp/testing';
import { adapter } from './mcp';

const CONNECTION = '4c749efa-9a20-55ab-bbeb-a7f9402b1992';
const LOG = `2026-01-01T00:00:00.000Z INFO attempt 1: source-x reads 1 streams
2026-01-01T00:00:01.000Z ERROR The credentials were refused
  | HTTP 401
`;

/** A service that has one failed sync. */
function service() {
  const job = {
    jobId: 3,
    status: 'failed',
    jobType: 'sync',
    connectionId: CONNECTION,
    startTime: '2026-01-01T00:00:00.000Z',
    lastUpdatedAt: '2026-01-01T00:00:07.000Z',
    duration: 'PT7S',
    bytesSynced: 0,
    rowsSynced: 0,
    rowsQuarantined: 0,
    attempts: 1,
    failureReason: 'x'.repeat(600),
  };
  const answers: Record<string, unknown> = {
    '/api/public/v1/applications/token': { access_token: 'one' },
    '/api/public/v1/jobs/3': job,
    '/api/public/v1/jobs/3/logs': LOG,
    '/api/public/v1/jobs': { data: [job], next: 'http://more' },
  };
  return createServer((request, response) => {
    const answer = answers[(request.url ?? '').split('?')[0]];
    response.statusCode = answer === undefined ? 404 : 200;
    const body = answer ?? { code: 'not_found', detail: 'there is none' };
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}

describe('the ingestion service', () => {
  const server = service();
  beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'));
  afterAll(() => once(server.close(), 'close'));
  const caller = () =>
    callerOf(adapter, {
      API: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      CLIENT_ID: 'a',
      CLIENT_SECRET: 'b',
    });

  it('tells of syncs with their seconds, and shortens a reason with a mark', async () => {
    const { data, next, text } = await caller().call<{ syncs: { failure: string; truncated: boolean }[] }>(
      'syncs_list',
      { limit: 1, status: 'failed' },
    );
    expect(data.syncs[0]).toMatchObject({ seconds: 7, ended: '2026-01-01T00:00:07.000Z', truncated: true });
    expect(data.syncs[0].failure).toHaveLength(500);
    expect(text).not.toContain('xxx');
    expect(next?.[0]).toMatchObject({ tool: 'sync_show', arguments: { jobId: 3 } });
    expect(next?.at(-1)).toMatchObject({ tool: 'syncs_list', arguments: { cursor: expect.any(String) } });
  });

  it('has lines of a log the newest first, each with what follows it', async () => {
    const { data } = await caller().call<{ lines: object[] }>('sync_show', { jobId: 3, level: 'warn' });
    expect(data.lines).toEqual([
      {
        at: '2026-01-01T00:00:01.000Z',
        level: 'error',
        message: 'The credentials were refused\n  | HTTP 401',
      },
    ]);
  });

  it('names the newest syncs when one is not known', async () => {
    await expect(caller().call('sync_show', { jobId: 9 })).rejects.toMatchObject({
      code: 'unknown_sync',
      remedy: expect.stringContaining('the newest are 3'),
    });
  });

  it('refuses what can be no id', async () => {
    await expect(caller().call('syncs_list', { connectionId: 'x' })).rejects.toThrow('Invalid string');
    await expect(caller().call('sync_start', { connectionId: CONNECTION, wait: 601 })).rejects.toThrow(
      'Too big',
    );
  });
});
