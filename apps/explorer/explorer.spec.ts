import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import * as http from 'node:http';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { duckdbHttp } from '@stack/duckdb-http';
import type { Value } from '@stack/model';
import { lakeWriter } from '@stack/s3';
import { type TableToPublish, lakeOf, publish, realFlights } from '@stack/snapshot/testing';
import { TestStack, eventually, findBrowser, launchBrowser, proxyPort } from '@stack/testing';
import type { Browser, Page } from 'playwright-core';
import { explorer } from './service';

jest.setTimeout(120_000);

let stack: TestStack;
let url: string;
let token: string;
const temporary = mkdtempSync(path.join(tmpdir(), 'explorer-'));

beforeAll(async () => {
  stack = await TestStack.start();
  await stack.deploy('traefik');
  await stack.deploy('explorer');
  url = stack.resolve(explorer.url('http'));
  token = stack.resolve(explorer.secret('token'));
});
afterAll(async () => {
  await stack?.remove();
  rmSync(temporary, { recursive: true, force: true });
});

/** Publishes, and waits until duckdb-http answers from it. */
async function published(tables: TableToPublish[]): Promise<void> {
  const { id } = await publish(
    lakeOf((value: Value) => stack.resolve(value), lakeWriter),
    tables,
  );
  const health = `${stack.resolve(duckdbHttp.url('http'))}/health`;
  await eventually(
    async () => expect(await (await fetch(health)).json()).toMatchObject({ snapshot: { id } }),
    30_000,
  );
}

interface Answer {
  readonly status?: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** Unlike `fetch`, with any header and any path as it is written. */
const ask = (target: string, headers: Record<string, string> = {}, method = 'GET') =>
  new Promise<Answer>((resolve, reject) => {
    const { hostname: host, port } = new URL(url);
    http
      .request({ host, port, path: target, method, headers, agent: false }, (answer) => {
        let body = '';
        answer.on('data', (chunk: Buffer) => (body += chunk.toString()));
        answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body }));
      })
      .on('upgrade', (answer, socket) => {
        socket.destroy();
        resolve({ status: answer.statusCode, headers: answer.headers, body: '' });
      })
      .on('error', reject)
      .end();
  });

const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
};

const cookieOf = ({ headers }: Answer) => (headers['set-cookie'] ?? [''])[0].split(';')[0];

describe('without the token', () => {
  it.each([
    '/',
    '/index.html',
    '/anything',
    '/static/js/index.js',
    '/_stcore/host-config',
    '/_stcore/metrics',
    '/_stcore/health/',
    '/_stcore/../_stcore/health',
    '//_stcore/health',
    '/_STCORE/HEALTH',
    '/_stcore/upload_file/a/b',
    '/media/0000.csv',
    '/component/x/index.html',
    '/?token=',
    '/?token=guess',
    '/?token=%C3%A9',
    '/?Token=x',
  ])('nothing is served: %s', async (target) => {
    for (const method of ['GET', 'POST', 'PUT', 'OPTIONS', 'DELETE']) {
      const { status, headers, body } = await ask(target, {}, method);
      expect([method, status]).toEqual([method, 401]);
      expect(headers['set-cookie']).toBeUndefined();
      expect(body).not.toMatch(/streamlit|<script/i);
    }
  });

  it('no socket opens', async () => {
    for (const target of ['/_stcore/stream', '/_stcore/stream?token=guess', '/stream'])
      expect([target, (await ask(target, UPGRADE)).status]).toEqual([target, 403]);
    // Not even with the token: a page shows it first.
    expect((await ask(`/_stcore/stream?token=${token}`, UPGRADE)).status).toBe(403);
  });

  it('it says what prints the token', async () => {
    const { body, headers } = await ask('/');
    expect(body).toContain(`make STACK=${stack.paths.name} -s secret s=explorer k=token`);
    expect(headers['cache-control']).toBe('no-store');
  });

  it('a cookie that somebody made up is none', async () => {
    const name = cookieOf(await ask(`/?token=${token}`)).split('=')[0];
    for (const value of ['known', '', token, 'Imtub3duIg.aSXqGg.AAAAAAAAAAAAAAAAAAAAAAAAAAA'])
      expect((await ask('/', { cookie: `${name}=${value}` })).status).toBe(401);
  });

  it('health is told, and nothing else of it', async () => {
    expect(await ask('/_stcore/health', { host: '10.0.0.7:8501' })).toMatchObject({
      status: 200,
      body: 'ok',
    });
  });
});

describe('with the token', () => {
  it('it is taken out of the address, and a cookie remembers it that no script reads', async () => {
    const answer = await ask(`/?a=1&token=${token}&b=%20`);
    expect([answer.status, answer.headers.location]).toEqual([303, '/?a=1&b=+']);
    const [cookie] = answer.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/^explorer-[0-9a-f]{8}=.*; HttpOnly; Max-Age=2592000; Path=\/; SameSite=lax$/);
    expect(cookie).not.toContain(token);
    const known = { cookie: cookieOf(answer) };
    expect((await ask('/', known)).body).toContain('<script');
    expect((await ask('/_stcore/host-config', known)).status).toBe(200);
    expect((await ask('/_stcore/stream', { ...known, ...UPGRADE })).status).toBe(101);
  });

  it('it leads to no other host', async () => {
    for (const target of ['//evil.example/', '/\\evil.example/', '/%2F/evil.example']) {
      const { headers } = await ask(`${target}?token=${token}`);
      expect(headers.location).toMatch(/^\/[^/\\]/);
    }
  });

  it('sockets are for its own pages, whatever its name', async () => {
    const known = { cookie: cookieOf(await ask(`/?token=${token}`)) };
    const from = (origin: string) => ask('/_stcore/stream', { ...known, ...UPGRADE, origin });
    for (const origin of ['http://evil.example', 'http://127.0.0.1:1', 'null', 'http://['])
      expect([origin, (await from(origin)).status]).toEqual([origin, 403]);
    expect((await from(url)).status).toBe(101);
    const named = {
      ...known,
      ...UPGRADE,
      host: 'explorer.data.example',
      origin: 'https://explorer.data.example',
    };
    expect((await ask('/_stcore/stream', named)).status).toBe(101);
  });
});

(findBrowser() ? describe : describe.skip)('in a browser, through the proxy', () => {
  let browser: Browser;
  let page: Page;
  const screenshots = path.resolve(__dirname, '../../test-results/explorer');
  const strangers: string[] = [];
  let base: string;
  const screenshot = (name: string) => page.screenshot({ path: path.join(screenshots, `${name}.png`) });
  /** Chooses in one of Streamlit's lists. */
  const choose = async (label: string, option: string) => {
    await page.getByRole('combobox', { name: new RegExp(label) }).fill(option);
    await page.getByRole('option', { name: option, exact: true }).click();
    await page.keyboard.press('Escape');
    await rest();
  };
  /** Nothing runs any more. */
  const rest = async () => {
    await page.waitForTimeout(300);
    await page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').waitFor();
    await page.waitForTimeout(300);
  };
  beforeAll(async () => {
    browser = await launchBrowser();
    page = await browser.newPage({ viewport: { width: 1400, height: 900 }, colorScheme: 'light' });
    base = `http://explorer.localhost:${proxyPort(stack)}`;
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol.startsWith('http') && origin !== base) strangers.push(request.url());
    });
    mkdirSync(screenshots, { recursive: true });
  });
  afterAll(() => browser?.close());

  it('asks for the token', async () => {
    await page.goto(base);
    await page.getByLabel('Token').fill('guess');
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByText("That isn't the token.").waitFor();
    await screenshot('token');
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByText('Nothing is published yet').waitFor();
    expect(page.url()).toBe(`${base}/`);
  });

  it('shows a table: its rows, and how fresh it is', async () => {
    await published([...realFlights(temporary), { name: 'a "strange" name', sql: `select 1 as "col""umn"` }]);
    await page.reload();
    await choose('Table', 'fct_flights');
    await page.getByText('336,776 rows, published').waitFor();
    await page.getByText('The first 100 of 336,776 rows').waitFor();
    await rest();
    await screenshot('rows');
  });

  it('filters by values, numbers and days, on the server', async () => {
    await choose('Filter by', 'origin');
    await choose('Filter by', 'dep_delay_min');
    await choose('Filter by', 'flight_date');
    await choose('^origin', 'JFK');
    await page.getByLabel('dep_delay_min from').fill('60');
    await page.keyboard.press('Enter');
    await page.getByRole('spinbutton', { name: 'year, flight_date from' }).click();
    await page.keyboard.type('20130701');
    await page.keyboard.press('Escape');
    const found = await server(
      `select count(*) from fct_flights where origin = 'JFK' and dep_delay_min >= 60 and flight_date >= '2013-07-01'`,
    );
    await page.getByText(`The first 100 of ${Number(found).toLocaleString('en')} rows`).waitFor();
    await rest();
    await screenshot('filtered');
  });

  it.each([
    ['CSV', 'csv'],
    ['Parquet', 'parquet'],
  ])('gives the filtered rows as %s', async (button, format) => {
    const started = page.waitForEvent('download');
    await page.getByRole('button', { name: button, exact: true }).click();
    const download = await started;
    expect(download.suggestedFilename()).toBe(`fct_flights.${format}`);
    const file = path.join(temporary, download.suggestedFilename());
    await download.saveAs(file);
    const { DuckDBInstance } = await import('@duckdb/node-api');
    const connection = await (await DuckDBInstance.create()).connect();
    const reader = await connection.runAndReadAll(
      `select count(*)::int, min(dep_delay_min)::int, list(distinct origin) from '${file}'`,
    );
    const found = await server(
      `select count(*) from fct_flights where origin = 'JFK' and dep_delay_min >= 60 and flight_date >= '2013-07-01'`,
    );
    expect(reader.getRowsJson()).toEqual([[Number(found), 60, ['JFK']]]);
    expect(readFileSync(file).length).toBeGreaterThan(10_000);
  });

  it('draws what the server has put together', async () => {
    await page.getByRole('tab', { name: 'Chart' }).click();
    await choose('^By', 'dest');
    await choose('Show', 'average');
    await choose('^of', 'dep_delay_min');
    await page
      .locator('[data-testid="stVegaLiteChart"] canvas, [data-testid="stVegaLiteChart"] svg')
      .first()
      .waitFor();
    await rest();
    await screenshot('chart');
    await choose('^By', 'flight_date');
    await rest();
    await screenshot('chart-days');
  });

  it('copes with names that have quotes', async () => {
    await choose('Table', 'a "strange" name');
    await page.getByText('1 row, published').waitFor();
    await choose('Filter by', 'col"umn');
    await page.getByLabel('col"umn from').waitFor();
    await rest();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('goes over to another table when a publish takes one away', async () => {
    await published([{ name: 'orders', sql: `select 1 as id, 'a' as kind` }]);
    await page.getByRole('tab', { name: 'Columns' }).click();
    await page.getByRole('tab', { name: 'Rows' }).click();
    await choose('Rows shown', '1,000');
    await page.getByRole('heading', { name: 'orders' }).waitFor();
    await rest();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('says so when the server is gone, and goes on when it is back', async () => {
    await stack.stop('duckdb-http');
    await page.getByRole('button', { name: 'CSV', exact: true }).click();
    await page.getByText('Failed to generate file for download').waitFor();
    await screenshot('no-file');
    await page.reload();
    await page.getByText("duckdb-http doesn't answer").waitFor();
    await screenshot('server-gone');
    await stack.deploy('duckdb-http');
    await page.reload();
    await page.getByRole('heading', { name: 'orders' }).waitFor();
  });

  it('asked nobody else for anything', () => expect(strangers).toEqual([]));
});

/** Three rows, and one without a value in any column: what the page has to cope with. */
const ODD = `from (values
    (1, 1.50::decimal(9, 2), date '2020-01-01', timestamp '2020-01-01 10:00:00', timestamptz '2020-01-01 10:00:00+00', true, 'it''s; drop table odd --'),
    (2, 2.50, '2020-01-02', '2020-01-02 23:59:59.999', '2020-01-02 23:59:00+00', false, '100%'),
    (3, 3.50, '2020-01-03', '2020-01-03 00:00:00', '2020-01-03 00:00:00+00', true, 'Äöü'),
    (null, null, null, null, null, null, null)
  ) t(an_int, a_decimal, a_day, a_time, a_zoned, a_flag, a_text)
  select *, case when an_int = 1 then 'deadbeef-0000-4000-8000-000000000000'::uuid end as a_uuid,
    [an_int, 2, 3] as a_list, {'a': an_int} as a_struct, 'x'::blob as a_blob, time '10:00' as a_moment,
    an_int::hugeint as a_huge, null::integer as nothing, 1e300 as "a ""large"" one", interval 1 day as a_span`;

describe('what the page asks', () => {
  it('is right for every type, and has no value in its SQL', async () => {
    await published([{ name: 'odd', sql: ODD }]);
    const { execa } = await import('execa');
    const { workspace } = stack.paths;
    const env = Object.fromEntries(
      Object.entries(explorer.env).map(([name, value]) => [name, stack.resolve(value)]),
    );
    const result = await execa(
      path.join(workspace, '.venv/bin/python'),
      ['-m', 'pytest', 'apps/explorer/tests', '--junitxml', 'test-results/explorer-page.xml'],
      { cwd: workspace, env, all: true, reject: false },
    );
    if (result.exitCode !== 0) throw new Error(String(result.all));
  });
});

/** One value, from duckdb-http itself. */
async function server(sql: string): Promise<unknown> {
  const answer = await fetch(`${stack.resolve(duckdbHttp.url('http'))}/v1/query`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${stack.resolve(duckdbHttp.secret('token'))}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ sql }),
  });
  return ((await answer.json()) as { rows: unknown[][] }).rows[0][0];
}
