/** A killed server back and answering, under our supervisor and under pm2, alternating; and the memory of both daemons. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as http from 'node:http';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { openSession, stackPaths, stopStack } from '@stack/runtime';
import { type ProcessSpec, SupervisorClient, memoryBytes } from '@stack/supervisor';
import { execa } from 'execa';
import { median, timed } from './timing';

const RUNS = 12;
const PROGRAM = `require('http').createServer((q, r) => r.end(String(process.pid))).listen(Number(process.env.PORT), '127.0.0.1');`;
const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** The pid that answers; undefined when nobody does. */
const ask = (port: number) =>
  new Promise<number | undefined>((resolve) => {
    http
      .get({ host: '127.0.0.1', port, agent: false }, (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => resolve(Number(body)));
      })
      .on('error', () => resolve(undefined));
  });

/** Milliseconds from SIGKILL until another pid answers. */
async function killed(port: number): Promise<number> {
  const before = (await ask(port)) ?? 0;
  return timed(async () => {
    process.kill(before, 'SIGKILL');
    for (;;) {
      const now = await ask(port);
      if (now !== undefined && now !== before) return;
    }
  });
}

async function main(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-restart-'));
  const program = path.join(folder, 'server.cjs');
  writeFileSync(program, PROGRAM);
  const [ours, theirs] = [21_801, 21_802];

  const stack = stackPaths(undefined, { ...process.env, STACK: 'bench-restart' });
  await (await openSession(() => undefined, stack)).close();
  const client = await SupervisorClient.connect(stack.socket);
  const spec: ProcessSpec = {
    id: 'server/main',
    unit: 'server',
    hash: '1',
    command: process.execPath,
    args: [program],
    cwd: folder,
    env: { PORT: String(ours), PATH: process.env.PATH ?? '' },
    stopSignal: 'SIGTERM',
    stopTimeout: 1_000,
    startTimeout: 10_000,
    ready: { type: 'http', url: `http://127.0.0.1:${ours}/` },
    log: path.join(folder, 'server.log'),
    dependsOn: [],
    after: [],
  };
  await client.call('apply', { unit: 'server', processes: [spec] });

  const pm2 = path.join(__dirname, 'node_modules', '.bin', 'pm2');
  const env = { PM2_HOME: path.join(folder, 'pm2'), PORT: String(theirs) };
  await execa(pm2, ['start', program, '--name', 'server'], { env });
  while ((await ask(theirs)) === undefined) await sleep(50);

  try {
    const [a, b]: [number[], number[]] = [[], []];
    for (let i = 0; i < RUNS; i++) {
      a.push(await killed(ours));
      b.push(await killed(theirs));
      // From the third crash in a row the supervisor waits before it starts again, and pm2 doesn't; so that both are timed
      // without a wait, they get the time to forget two.
      await sleep(i % 2 === 1 ? 11_000 : 1_500);
    }
    console.log(
      `killed, answering again: supervisor ${median(a).toFixed(0)} ms, pm2 ${median(b).toFixed(0)} ms, ratio ${(median(a) / median(b)).toFixed(2)} (target 1.2)`,
    );
    const { pid } = await client.call('hello', {});
    const daemon = Number((await execa('cat', [path.join(folder, 'pm2', 'pm2.pid')])).stdout);
    const mb = (bytes = 0) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
    const [mine, other] = [memoryBytes(pid), memoryBytes(daemon)];
    console.log(
      `memory (PSS): supervisor ${mb(mine)}, pm2 ${mb(other)}, ratio ${((mine ?? 0) / (other ?? 1)).toFixed(2)} (target 1)`,
    );
  } finally {
    await execa(pm2, ['kill'], { env });
    client.close();
    await stopStack(stack);
    rmSync(folder, { recursive: true, force: true });
  }
}

void main();
