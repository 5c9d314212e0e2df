import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import { StackError } from '@stack/model';
import { findWorkspace, openSession } from '@stack/runtime';
import { TestStack, eventually } from '@stack/testing';

/** The definition of an HTTP server that does what its environment says. */
const definition = (name: string, extra = '') => `
import { defineService, generated, httpReady, text } from '@stack/model';
import type { PlanContext } from '@stack/model';
${extra.startsWith('import') ? extra : ''}
const program = \`
  console.log('starting ${name}');
  if (process.env.FAIL) { for (let i = 1; i <= 30; i++) console.log('line ' + i); process.exit(1); }
  require('http').createServer((q, r) => r.end(process.env.SAYS || 'ok')).listen(process.env.PORT, '127.0.0.1');\`;
export const unit = defineService({
  name: '${name}',
  summary: 'A server for a spec',
  ports: { http: { number: ${18_000 + name.charCodeAt(0)}, protocol: 'http' } },
  secrets: { token: generated() },
  ready: httpReady('http', '/'),
  ${extra.startsWith('import') ? 'env: { OTHER: other.url("http") },' : extra}
  native: { plan: async (context: PlanContext) => ({ command: process.execPath, args: ['-e', program], env: { PORT: String(context.port('http')) } }) },
  memory: '64Mi',
});
`;

/** A workspace of its own, inside the checkout so that the libraries are found. */
let workspace: string;
let stack: TestStack | undefined;
beforeEach(() => {
  const parent = path.join(findWorkspace(), '.stack');
  mkdirSync(parent, { recursive: true });
  workspace = mkdtempSync(path.join(parent, 'spec-'));
  writeFileSync(path.join(workspace, 'nx.json'), '{}');
  writeFileSync(path.join(workspace, 'package.json'), JSON.stringify({ workspaces: ['docker/*'] }));
});
afterEach(async () => {
  await stack?.remove();
  stack = undefined;
  rmSync(workspace, { recursive: true, force: true });
});

function write(name: string, source: string): void {
  const folder = path.join(workspace, 'docker', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ name, nx: { name, tags: ['layer:service'] } }),
  );
  writeFileSync(path.join(folder, 'service.ts'), source);
}

const address = async (name: string) => (await stack?.unit(name))?.url?.replace(/^tcp/, 'http') ?? '';

describe('deploy', () => {
  it('says that nothing has changed the second time, and restarts what has', async () => {
    write('a', definition('a'));
    stack = await TestStack.start(workspace);
    expect(await stack.deploy('a')).toEqual({ changed: true, summary: 'started' });
    const { pid } = await stack.unit('a');
    expect(await stack.deploy('a')).toEqual({ changed: false, summary: 'unchanged' });
    expect((await stack.unit('a')).pid).toBe(pid);
  });

  it('orders units by their imports and gives each the address of the other', async () => {
    write('a', definition('a'));
    write('b', definition('b', `import { unit as other } from '../a/service';`));
    stack = await TestStack.start(workspace);
    await stack.deploy('b');
    expect((await stack.status()).units.map(({ name, health }) => [name, health])).toEqual([
      ['a', 'healthy'],
      ['b', 'healthy'],
    ]);
  });

  it('fails with the last twenty lines of the log when a service dies on start, and leaves the others up', async () => {
    write('a', definition('a'));
    write('b', definition('b', `env: { FAIL: '1' },`));
    stack = await TestStack.start(workspace);
    await stack.deploy('a');
    const error = (await stack.deploy('b').catch((e: unknown) => e)) as StackError;
    expect(error).toBeInstanceOf(StackError);
    expect(error.message).toMatch(/^b\/main died 3 times in a row/);
    expect(error.details).toEqual(Array.from({ length: 20 }, (_, i) => `line ${i + 11}`));
    expect((await stack.unit('a')).health).toBe('healthy');
    expect(await stack.unit('b')).toMatchObject({
      health: 'failed',
      problem: expect.stringMatching(/^b\/main died 3 times in a row[^]*line 30[^]*→ /),
    });
  });

  it('adopts the same processes after the supervisor was killed', async () => {
    write('a', definition('a'));
    stack = await TestStack.start(workspace);
    await stack.deploy('a');
    const { pid } = await stack.unit('a');
    process.kill((await stack.status()).supervisor?.pid ?? 0, 'SIGKILL');
    await eventually(async () =>
      expect(await stack?.status()).toMatchObject({
        supervisorDied: true,
        units: [{ health: 'unhealthy', pids: [pid], reason: 'runs, but nobody watches it' }],
      }),
    );
    await stack.reopen();
    expect((await stack.deploy('a')).changed).toBe(false);
    expect((await stack.unit('a')).pid).toBe(pid);
  });

  it('waits for another one that is at work', async () => {
    write('a', definition('a'));
    stack = await TestStack.start(workspace);
    const said: string[] = [];
    const second = openSession((line) => said.push(line), stack.paths);
    await eventually(() =>
      expect(said[0]).toMatch(
        new RegExp(`^another deploy is at work \\(pid ${process.pid}, since .*\\): waiting for it$`),
      ),
    );
    await stack.deploy('a');
    await stack.closeSession();
    await (await second).close();
    await stack.reopen();
  });

  it('names the unit and those that there are when asked for one that is not there', async () => {
    write('a', definition('a'));
    stack = await TestStack.start(workspace);
    await expect(stack.deploy('c')).rejects.toMatchObject({
      message: 'there is no unit called c',
      remedy: 'choose one of a',
    });
  });
});

describe('a port that a stranger has', () => {
  let stranger: http.Server;
  const occupy = (port: number) =>
    new Promise<number>((resolve) => {
      stranger = http.createServer((_, response) => response.end('stranger'));
      stranger.listen(port, '127.0.0.1', () => resolve((stranger.address() as AddressInfo).port));
    });
  afterEach(() => stranger.close());

  it('is left to him: the service takes the next free one and says so', async () => {
    write('a', definition('a'));
    stack = await TestStack.start(workspace);
    await stack.deploy('a');
    const port = Number(new URL(await address('a')).port);
    await stack.stop('a');
    await occupy(port);
    await stack.reopen();
    await stack.deploy('a');
    expect(stack.said.join()).toMatch(
      new RegExp(`port ${port} is taken by \\S+ \\(pid ${process.pid}\\); a takes \\d+ instead`),
    );
    expect(await (await fetch(await address('a'))).text()).toBe('ok');
  });

  it('is an error when the user has fixed it', async () => {
    write('a', definition('a'));
    const port = await occupy(0);
    stack = await TestStack.start(workspace, { PORT_A_HTTP: String(port) });
    await expect(stack.deploy('a')).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringMatching(
        new RegExp(`^a can't have its port http: ${port} is taken by .*pid ${process.pid}`),
      ),
      remedy: expect.stringMatching(/PORT_A_HTTP=\d+$/),
    });
  });
});
