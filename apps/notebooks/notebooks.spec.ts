import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as http from 'node:http';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import type { Value } from '@stack/model';
import { lakeWriter } from '@stack/s3';
import { lakeOf, publish, realFlights } from '@stack/snapshot/testing';
import { TestStack, eventually, findBrowser, launchBrowser, proxyPort } from '@stack/testing';
import { duckdbHttp } from '@stack/duckdb-http';
import type { Browser, Page } from 'playwright-core';
import { notebooks } from './service';

jest.setTimeout(180_000);

let stack: TestStack;
let url: string;
let token: string;
const temporary = mkdtempSync(path.join(tmpdir(), 'notebooks-'));

beforeAll(async () => {
  stack = await TestStack.start();
  await stack.deploy('traefik');
  await stack.deploy('notebooks');
  url = stack.resolve(notebooks.url('http'));
  token = stack.resolve(notebooks.secret('token'));
});
afterAll(async () => {
  await stack?.remove();
  rmSync(temporary, { recursive: true, force: true });
});

const lake = () => lakeOf((value: Value) => stack.resolve(value), lakeWriter);
const example = () => path.join(stack.resolve(notebooks.volume('notebooks')), 'delays.ipynb');

/** The status of an answer; unlike `fetch`, with any header. */
const status = (address: string, headers: Record<string, string> = {}) =>
  new Promise<number | undefined>((resolve, reject) => {
    http
      .get(address, { headers, agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      })
      .on('upgrade', (answer, socket) => {
        socket.destroy();
        resolve(answer.statusCode);
      })
      .on('error', reject);
  });

const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
};

interface Output {
  readonly output_type: string;
  readonly ename?: string;
  readonly evalue?: string;
  readonly text?: string[];
  readonly data?: Record<string, unknown>;
}

/** Runs the worked notebook as it is in the checkout, from top to bottom, and returns what its cells say. */
async function run(...options: string[]): Promise<Output[]> {
  const { execa } = await import('execa');
  const { workspace } = stack.paths;
  const env = Object.fromEntries(
    Object.entries(notebooks.env).map(([name, value]) => [name, stack.resolve(value)]),
  );
  await execa(
    path.join(workspace, '.venv/bin/python'),
    [
      ...['-m', 'nbconvert', '--to', 'notebook', '--execute', '--output-dir', temporary, ...options],
      path.join(__dirname, 'worked/delays.ipynb'),
    ],
    { cwd: temporary, env },
  );
  const { cells } = JSON.parse(readFileSync(path.join(temporary, 'delays.ipynb'), 'utf8')) as {
    cells: { outputs?: Output[] }[];
  };
  return cells.flatMap(({ outputs = [] }) => outputs);
}

/** What was computed for the outputs, said as text. */
const said = (outputs: readonly Output[]) => outputs.flatMap(({ text = [] }) => text).join('');

describe('JupyterLab', () => {
  it('gives nothing to who has no token, or a wrong one', async () => {
    for (const address of ['/api/contents', '/api/kernels', '/api/terminals', '/lab/api/settings'])
      for (const query of ['', '?token=guess'])
        expect([address, await status(url + address + query)]).toEqual([address, 403]);
    for (const address of ['/', '/lab', '/lab/tree/delays.ipynb', '/files/delays.ipynb'])
      expect([address, await status(url + address)]).toEqual([address, 302]);
    expect(await status(`${url}/api/kernels/00000000-0000-4000-8000-000000000000/channels`, UPGRADE)).toBe(
      403,
    );
    expect(await status(`${url}/api/events/subscribe`, UPGRADE)).toBe(403);
    expect(await status(`${url}/api/contents?token=${token}`)).toBe(200);
  });

  it('refuses pages of another name that lead here', async () => {
    const headers = { authorization: `token ${token}` };
    expect(await status(`${url}/api/contents`, { ...headers, host: 'evil.example' })).toBe(403);
    expect(await status(`${url}/api/contents`, { ...headers, host: 'notebooks.localhost:8080' })).toBe(200);
    const cookie = (await fetch(`${url}/lab?token=${token}`, { redirect: 'manual' })).headers
      .getSetCookie()
      .map((one) => one.split(';')[0])
      .join('; ');
    const connect = (origin: string) => status(`${url}/api/events/subscribe`, { ...UPGRADE, cookie, origin });
    expect(await connect('http://evil.example')).toBe(403);
    expect(await connect(url)).toBe(101);
  });

  it('has the worked notebook in a folder of its user, and leaves it as they want it', async () => {
    expect(JSON.parse(readFileSync(example(), 'utf8'))).toMatchObject({ nbformat: 4 });
    writeFileSync(example(), '{}');
    const before = await stack.unit('notebooks');
    process.kill(before.pid ?? 0, 'SIGKILL');
    await eventually(async () => {
      const now = await stack.unit('notebooks');
      expect([now.health, now.pid === before.pid]).toEqual(['healthy', false]);
    }, 30_000);
    expect(readFileSync(example(), 'utf8')).toBe('{}');
    rmSync(example());
    process.kill((await stack.unit('notebooks')).pid ?? 0, 'SIGTERM');
    await eventually(() => expect(readFileSync(example(), 'utf8')).toContain('nbformat'), 30_000);
    expect(await stack.deploy('notebooks')).toEqual({ changed: false, summary: 'unchanged' });
  });
});

describe('the worked notebook', () => {
  it('is kept without outputs', () => {
    const text = readFileSync(path.join(__dirname, 'worked/delays.ipynb'), 'utf8');
    const { cells } = JSON.parse(text) as { cells: { outputs?: Output[]; execution_count?: number }[] };
    for (const { outputs = [], execution_count: count = null } of cells)
      expect([outputs, count]).toEqual([[], null]);
  });

  it('says what is published where the flights are not', async () => {
    const nothing = await run('--allow-errors');
    expect(said(nothing)).toContain('published at never: make pipeline does it');
    expect(nothing.find(({ ename }) => ename)).toMatchObject({
      ename: 'AssertionError',
      evalue: expect.stringMatching(/fct_flights.* isn't published. Published is nothing/),
    });
    await publish(lake(), [{ name: 'orders', sql: 'select 1 as id' }]);
    await eventually(async () => {
      const { snapshot } = (await (
        await fetch(`${stack.resolve(duckdbHttp.url('http'))}/health`)
      ).json()) as {
        snapshot: { id: string | null };
      };
      expect(snapshot.id).not.toBeNull();
    }, 20_000);
    expect((await run('--allow-errors')).find(({ ename }) => ename)?.evalue).toContain('Published is orders');
  });

  it('runs from top to bottom on the flights of 2013, and draws', async () => {
    const { id } = await publish(lake(), realFlights(temporary));
    await eventually(
      async () =>
        expect(await (await fetch(`${stack.resolve(duckdbHttp.url('http'))}/health`)).json()).toMatchObject({
          snapshot: { id },
        }),
      30_000,
    );
    const outputs = await run();
    expect(outputs.filter(({ output_type: type }) => type === 'error')).toEqual([]);
    expect(outputs.filter(({ data }) => data && 'image/png' in data)).toHaveLength(3);
    expect(said(outputs)).toMatch(
      /In fair weather a morning flight leaves 3 minutes late on average and an evening flight 2\d;.* 113 minutes late/,
    );
  });
});

(findBrowser() ? describe : describe.skip)('JupyterLab in a browser, through the proxy', () => {
  let browser: Browser;
  let page: Page;
  const screenshots = path.resolve(__dirname, '../../test-results/notebooks');
  const strangers: string[] = [];
  beforeAll(async () => {
    browser = await launchBrowser();
    page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
    mkdirSync(screenshots, { recursive: true });
  });
  afterAll(() => browser?.close());

  it('asks for the token', async () => {
    const base = `http://notebooks.localhost:${proxyPort(stack)}`;
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol.startsWith('http') && origin !== base) strangers.push(request.url());
    });
    await page.goto(`${base}/`);
    await page.getByRole('button', { name: 'Log in' }).first().waitFor();
    await page.getByText(`make STACK=${stack.paths.name} -s secret s=notebooks k=token`).waitFor();
    await page.screenshot({ path: path.join(screenshots, 'token.png') });
    await page.goto(`${base}/?token=${token}`);
    expect(
      (await page.context().cookies()).filter(({ httpOnly, sameSite }) => httpOnly && sameSite === 'Lax'),
    ).not.toEqual([]);
  });

  it('runs the worked notebook, whose address is the first page', async () => {
    await page
      .getByRole('heading', { name: 'Why are flights out of New York late?' })
      .waitFor({ timeout: 30_000 });
    // What is run before there is a kernel may be lost.
    await page.getByText('Python 3 (ipykernel) | Idle').waitFor({ timeout: 60_000 });
    await page.getByRole('menuitem', { name: 'Run', exact: true }).click();
    await page.getByRole('menuitem', { name: 'Run All Cells', exact: true }).click();
    await page
      .getByText(/In fair weather a morning flight leaves/)
      .last()
      .waitFor({ timeout: 90_000 });
    await page.screenshot({ path: path.join(screenshots, 'end.png') });
    await page.getByRole('heading', { name: 'By carrier' }).scrollIntoViewIfNeeded();
    await page.locator('.jp-RenderedImage img').first().waitFor();
    await page.locator('.jp-RenderedImage img').first().scrollIntoViewIfNeeded();
    expect(await page.getByText('Jupyter news').count()).toBe(0);
    await page.screenshot({ path: path.join(screenshots, 'chart.png') });
  });

  it('asked nobody else for anything', () => expect(strangers).toEqual([]));
});
