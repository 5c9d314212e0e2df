import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import * as http from 'node:http';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { build } from 'esbuild';
import { SupervisorClient, SupervisorError } from './client';
import { isAlive, startTime } from './process-info';
import type { ProcessSpec } from './protocol';
import { freePort } from './testing/free-port';

/** A server that does as it is told: answers 200 on every path, unless FAIL says how it ends. */
const PROGRAM = `
const http = require('http');
console.log('starting ' + process.env.NAME);
if (process.env.FAIL) { console.error('cannot go on: ' + process.env.FAIL); process.exit(3); }
http.createServer((q, r) => r.end('ok')).listen(process.env.PORT, '127.0.0.1');
process.on('SIGTERM', () => { if (process.env.STUBBORN) return; console.log('bye'); process.exit(0); });
`;

let folder: string;
let program: string;
let daemons: ChildProcess[] = [];
let clients: SupervisorClient[] = [];

beforeAll(async () => {
  const out = mkdtempSync(path.join(tmpdir(), 'supervisor-build-'));
  program = path.join(out, 'main.cjs');
  await build({
    entryPoints: [path.join(__dirname, 'main.ts')],
    bundle: true,
    platform: 'node',
    outfile: program,
    logLevel: 'error',
  });
});
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'supervisor-'));
});
afterEach(async () => {
  const last = await SupervisorClient.connect(path.join(folder, 'supervisor.sock')).catch(() => undefined);
  await last?.call('shutdown', {});
  clients.forEach((client) => client.close());
  daemons.forEach((daemon) => daemon.kill('SIGKILL'));
  clients = [];
  daemons = [];
  rmSync(folder, { recursive: true, force: true });
});

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

function daemon(): ChildProcess {
  const child = spawn(process.execPath, [program, folder], { stdio: 'inherit' });
  daemons.push(child);
  return child;
}

async function connect(): Promise<SupervisorClient> {
  for (let i = 0; i < 400; i++) {
    try {
      const client = await SupervisorClient.connect(path.join(folder, 'supervisor.sock'));
      clients.push(client);
      return client;
    } catch {
      await sleep(10);
    }
  }
  throw new Error('no supervisor');
}

async function spec(
  unit: string,
  changes: Partial<ProcessSpec> = {},
  env: Record<string, string> = {},
): Promise<ProcessSpec> {
  const port = await freePort();
  return {
    id: `${unit}/main`,
    unit,
    hash: '1',
    command: process.execPath,
    args: ['-e', PROGRAM],
    cwd: folder,
    env: { PORT: String(port), NAME: unit, ...env },
    stopSignal: 'SIGTERM',
    stopTimeout: 2_000,
    startTimeout: 10_000,
    ready: { type: 'http', url: `http://127.0.0.1:${port}/` },
    log: path.join(folder, `${unit}.log`),
    dependsOn: [],
    after: [],
    ...changes,
  };
}

const answers = (one: ProcessSpec) =>
  new Promise<boolean>((resolve) => {
    const url = one.ready.type === 'http' ? one.ready.url : '';
    http
      .get(url, { agent: false }, (response) => resolve(response.resume().statusCode === 200))
      .on('error', () => resolve(false));
  });

const pidOf = async (client: SupervisorClient, id: string) =>
  (await client.call('status', {})).processes.find((one) => one.id === id)?.pid ?? 0;

async function until(condition: () => Promise<boolean>, within = 5_000): Promise<number> {
  const start = Date.now();
  while (!(await condition())) {
    if (Date.now() - start > within) throw new Error(`not within ${within} ms`);
    await sleep(5);
  }
  return Date.now() - start;
}

describe('processes', () => {
  it('start, answer when ready, and are left alone by an equal apply', async () => {
    daemon();
    const client = await connect();
    const one = await spec('one');
    expect(await client.call('apply', { unit: 'one', processes: [one] })).toMatchObject({
      started: ['one/main'],
    });
    expect(await answers(one)).toBe(true);
    const pid = await pidOf(client, 'one/main');
    expect(await client.call('apply', { unit: 'one', processes: [one] })).toMatchObject({
      started: [],
      unchanged: ['one/main'],
    });
    expect(await pidOf(client, 'one/main')).toBe(pid);
  });

  it('are restarted by another hash, and stopped when they are no longer wanted', async () => {
    daemon();
    const client = await connect();
    const one = await spec('one');
    await client.call('apply', { unit: 'one', processes: [one] });
    const pid = await pidOf(client, 'one/main');
    await client.call('apply', { unit: 'one', processes: [{ ...one, hash: '2' }] });
    expect(await pidOf(client, 'one/main')).not.toBe(pid);
    expect(await client.call('apply', { unit: 'one', processes: [] })).toMatchObject({
      stopped: ['one/main'],
    });
    expect(await answers(one)).toBe(false);
  });

  it('come back when they are killed', async () => {
    daemon();
    const client = await connect();
    const one = await spec('one');
    await client.call('apply', { unit: 'one', processes: [one] });
    process.kill(await pidOf(client, 'one/main'), 'SIGKILL');
    await until(async () => !(await answers(one)), 1_000).catch(() => undefined);
    await until(() => answers(one));
    expect((await client.call('status', {})).processes[0]).toMatchObject({ restarts: 1, health: 'healthy' });
  });

  it('that die on start fail the apply with the end of their log; others stay up', async () => {
    daemon();
    const client = await connect();
    const good = await spec('good');
    await client.call('apply', { unit: 'good', processes: [good] });
    const failing = client.call('apply', {
      unit: 'bad',
      processes: [await spec('bad', {}, { FAIL: 'no disk' })],
    });
    const error = await failing.catch((e: SupervisorError) => e);
    expect(error).toBeInstanceOf(SupervisorError);
    const { wire } = error as SupervisorError;
    expect(wire.message).toBe('bad/main died 3 times in a row (exit status 3)');
    expect(wire.details).toContain('cannot go on: no disk');
    expect(await answers(good)).toBe(true);
  });

  it('whose program is not there fail the apply with the reason', async () => {
    daemon();
    const client = await connect();
    const missing = client.call('apply', {
      unit: 'bad',
      processes: [await spec('bad', { command: '/nowhere/server' })],
    });
    await expect(missing).rejects.toThrow(
      "bad/main died 3 times in a row (can't be started: spawn /nowhere/server ENOENT)",
    );
  });

  it('that never get ready fail the apply with what the probe said', async () => {
    daemon();
    const client = await connect();
    const port = await freePort();
    const deaf = await spec('deaf', {
      startTimeout: 300,
      ready: { type: 'http', url: `http://127.0.0.1:${port}/` },
    });
    await expect(client.call('apply', { unit: 'deaf', processes: [deaf] })).rejects.toThrow(
      `nothing listens at http://127.0.0.1:${port}/`,
    );
  });

  it('that ignore the stop signal are killed', async () => {
    daemon();
    const client = await connect();
    await client.call('apply', {
      unit: 'one',
      processes: [await spec('one', { stopTimeout: 200 }, { STUBBORN: '1' })],
    });
    const pid = await pidOf(client, 'one/main');
    await client.call('stop', { unit: 'one' });
    expect(startTime(pid)).toBeUndefined();
  });

  it('stop in reverse order: who needs another stops first', async () => {
    const supervisor = daemon();
    const client = await connect();
    for (const [unit, dependsOn] of [
      ['base', []],
      ['middle', ['base']],
      ['top', ['middle']],
    ] as const)
      await client.call('apply', { unit, processes: [await spec(unit, { dependsOn })] });
    expect((await client.call('shutdown', {})).stopped).toEqual(['top/main', 'middle/main', 'base/main']);
    await until(async () => supervisor.exitCode === 0);
  });
});

describe('a killed supervisor', () => {
  it('is followed by one that adopts the same processes and restarts them as before', async () => {
    const first = daemon();
    const client = await connect();
    const one = await spec('one');
    await client.call('apply', { unit: 'one', processes: [one] });
    const pid = await pidOf(client, 'one/main');
    first.kill('SIGKILL');
    await until(async () => first.signalCode !== null);
    expect(await answers(one)).toBe(true);

    daemon();
    const next = await connect();
    expect(await pidOf(next, 'one/main')).toBe(pid);
    expect(await next.call('apply', { unit: 'one', processes: [one] })).toMatchObject({
      unchanged: ['one/main'],
    });
    process.kill(pid, 'SIGKILL');
    await until(async () => ![0, pid].includes(await pidOf(next, 'one/main')) && (await answers(one)));
  });

  it('leaves a dead process to be started by its successor, and no stranger with its pid to be killed', async () => {
    const first = daemon();
    const client = await connect();
    const one = await spec('one');
    await client.call('apply', { unit: 'one', processes: [one] });
    const pid = await pidOf(client, 'one/main');
    first.kill('SIGKILL');
    await until(async () => first.signalCode !== null);
    process.kill(pid, 'SIGKILL');
    // The saved pid now belongs to somebody else.
    const stranger = spawn('sleep', ['60']);
    const state = path.join(folder, 'supervisor.json');
    writeFileSync(state, readFileSync(state, 'utf8').replace(`"pid":${pid}`, `"pid":${stranger.pid}`));
    daemon();
    const next = await connect();
    await until(() => answers(one));
    expect(await pidOf(next, 'one/main')).not.toBe(stranger.pid);
    expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
    stranger.kill();
  });
});

describe('the daemon', () => {
  it('is one, however many are started at once', async () => {
    const six = Array.from({ length: 6 }, daemon);
    const client = await connect();
    await until(async () => six.filter((one) => one.exitCode === null).length === 1);
    const { pid } = await client.call('hello', {});
    expect(six.find((one) => one.exitCode === null)?.pid).toBe(pid);
  });

  it('has a socket that only its owner may use', async () => {
    daemon();
    await connect();
    expect(statSync(path.join(folder, 'supervisor.sock')).mode & 0o777).toBe(0o600);
    expect(statSync(path.join(folder, 'supervisor.json')).mode & 0o777).toBe(0o600);
  });

  it('says what it does not understand', async () => {
    daemon();
    const client = await connect();
    await expect(client.call('nonsense' as 'hello', {})).rejects.toThrow('no such operation: nonsense');
  });

  it('hands its processes over to another build', async () => {
    const first = daemon();
    const client = await connect();
    const one = await spec('one');
    await client.call('apply', { unit: 'one', processes: [one] });
    const pid = await pidOf(client, 'one/main');
    await client.call('handover', {});
    await until(async () => first.exitCode === 0);
    expect(existsSync(path.join(folder, 'supervisor.sock'))).toBe(false);
    daemon();
    expect(await pidOf(await connect(), 'one/main')).toBe(pid);
  });
});

describe('leases', () => {
  const lease = { name: 'warehouse', owner: 'spec', pid: process.pid };

  it('have one holder at a time; the others wait their turn and learn who it is', async () => {
    daemon();
    const [a, b] = [await connect(), await connect()];
    const { token } = await a.call('lease.acquire', lease);
    const holders: string[] = [];
    let granted = false;
    const second = b
      .call('lease.acquire', { ...lease, owner: 'second' }, (holder) => holders.push(holder.owner))
      .then((reply) => {
        granted = true;
        return reply;
      });
    await until(async () => holders.length > 0);
    expect([holders, granted]).toEqual([['spec'], false]);
    await a.call('lease.release', { token });
    await second;
    expect((await a.call('status', {})).leases.map(({ owner }) => owner)).toEqual(['second']);
  });

  it('end with their holder’s connection', async () => {
    daemon();
    const [a, b] = [await connect(), await connect()];
    await a.call('lease.acquire', lease);
    const second = b.call('lease.acquire', lease);
    a.close();
    await second;
  });

  it('outlive the supervisor while their holder lives, and end by their token', async () => {
    const first = daemon();
    const { token } = await (await connect()).call('lease.acquire', lease);
    first.kill('SIGKILL');
    await until(async () => first.signalCode !== null);
    daemon();
    const next = await connect();
    let granted = false;
    const second = next.call('lease.acquire', { ...lease, pid: process.ppid }).then(() => (granted = true));
    await sleep(700);
    expect(granted).toBe(false);
    await (await connect()).call('lease.release', { token });
    await second;
  });

  it('are still the holder’s when it comes back to a new supervisor', async () => {
    const first = daemon();
    await (await connect()).call('lease.acquire', lease);
    first.kill('SIGKILL');
    await until(async () => first.signalCode !== null);
    daemon();
    await (await connect()).call('lease.acquire', lease);
  });

  it('end when their holder has died under a dead supervisor', async () => {
    const first = daemon();
    const holder = spawn('sleep', ['60']);
    await (await connect()).call('lease.acquire', { ...lease, pid: holder.pid ?? 0 });
    first.kill('SIGKILL');
    await until(async () => first.signalCode !== null);
    daemon();
    const next = await connect();
    const second = next.call('lease.acquire', lease);
    holder.kill('SIGKILL');
    await second;
    expect(isAlive(holder.pid ?? 0, '')).toBe(false);
  });
});
