import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { JobLog } from '../sync/log';
import { type Run, runConnector } from './run';

describe('a connector', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'run-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (script: string, more: Partial<Run> = {}): Promise<void> => {
    const program = path.join(folder, 'connector');
    writeFileSync(program, `#!/bin/sh\n${script}\n`);
    chmodSync(program, 0o755);
    return runConnector({
      ...{ connector: { name: 'source-test', program, version: '', key: '' }, args: [], cwd: folder },
      ...{ log: new JobLog(undefined), lineLimit: 1000, signal: new AbortController().signal },
      onMessage: () => undefined,
      ...more,
    });
  };
  const record = '{"type":"RECORD","record":{"stream":"s","data":{},"emitted_at":1}}';

  it('is heard to the end, also when it ends before anybody had time for it', async () => {
    const heard: string[] = [];
    await run(`echo '${record}'; echo '${record}'`, {
      onMessage: (_message, line) => void heard.push(line),
      onStart: () => new Promise((done) => setTimeout(done, 300)),
    });
    expect(heard).toEqual([record, record]);
  });

  it('ends when what it says can’t be used', async () => {
    const failing = run(`echo '${record}'; sleep 600`, {
      onMessage: () => {
        throw new Error('the disk is full');
      },
    });
    await expect(failing).rejects.toThrow('the disk is full');
    await expect(run('sleep 600', { onStart: () => Promise.reject(new Error('no')) })).rejects.toThrow('no');
  });

  it('doesn’t get our secrets', async () => {
    process.env.CLIENT_SECRET = 'mine';
    const log = new JobLog(undefined);
    await run('env >&2', { log });
    delete process.env.CLIENT_SECRET;
    expect(log.last().join('\n')).not.toContain('mine');
  });
});
