import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBrowser, launchBrowser } from '@stack/testing';
import type { Browser, Page } from 'playwright-core';
import { check, dashboard, dataset, type RunningCatalog, startCatalog, table, type Told } from './testing';

const RAW = dataset('shop.raw.orders');
const STAGED = dataset('shop.staging.orders');
const FACT = dataset('shop.marts.fct_orders');
const DASHBOARD = 'urn:li:dashboard:(evidence,sales)';
const HOSTILE = '<img src=x onerror="globalThis.__ran=1">';

/** A file, its raw table on two platforms, two models, a dashboard; and twelve readers of the fact. */
const SHOP: Told[] = [
  ...table(dataset('orders.csv', 'file'), ['id', 'amount']),
  ...table(
    RAW,
    ['id', 'amount'],
    [
      ['id', dataset('shop.raw.orders', 'duckdb'), 'id'],
      ['amount', dataset('shop.raw.orders', 'duckdb'), 'amount'],
    ],
  ),
  ...table(
    dataset('shop.raw.orders', 'duckdb'),
    ['id', 'amount'],
    [
      ['id', dataset('orders.csv', 'file'), 'id'],
      ['amount', dataset('orders.csv', 'file'), 'amount'],
    ],
  ),
  ...table(
    STAGED,
    ['id', 'amount_eur'],
    [
      ['id', dataset('shop.raw.orders', 'duckdb'), 'id'],
      ['amount_eur', dataset('shop.raw.orders', 'duckdb'), 'amount'],
    ],
  ),
  ...table(
    FACT,
    ['order_id', 'revenue'],
    [
      ['order_id', STAGED, 'id'],
      ['revenue', STAGED, 'amount_eur'],
    ],
    'One row an order.',
  ),
  ...Array.from({ length: 12 }, (_, i) =>
    table(dataset(`shop.marts.mart_${i}`), ['total'], [['total', FACT, i % 2 ? 'revenue' : 'order_id']]),
  ).flat(),
  ...dashboard(DASHBOARD, 'Sales', [FACT], 'https://evidence.example/sales'),
  ...check('one', FACT, 'revenue', ['SUCCESS', 'FAILURE']),
  ...check('two', FACT, 'order_id', ['SUCCESS', 'SUCCESS']),
  ...dashboard('urn:li:dashboard:(evidence,hostile)', HOSTILE, [FACT], 'javascript:globalThis.__ran=1'),
  ...table(dataset(`shop.marts.${'<b>bold'}`), [HOSTILE], [], HOSTILE),
];

/** As many tables in layers, each of two of the layer before. */
function layers(size: number, wide: number): Told[] {
  const name = (i: number) => dataset(`big.layer_${Math.floor(i / wide)}.t${i}`);
  const all: Told[] = [];
  for (let i = 0; i < size; i++) {
    const layer = Math.floor(i / wide);
    const parent = (k: number) => name((layer - 1) * wide + ((i + k) % wide));
    // The last is made of the whole last layer.
    const from =
      i === size - 1
        ? Array.from({ length: wide }, (_, k) => name((layer - 1) * wide + k))
        : [parent(0), parent(1)];
    all.push(...table(name(i), ['a'], layer === 0 ? [] : from.map((one) => ['a', one, 'a'] as const)));
  }
  return all;
}

const missing = findBrowser() ? '' : ' (missing: a Chromium)';
(missing ? describe.skip : describe)(`the catalogue’s page${missing}`, () => {
  let catalog: RunningCatalog;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];
  const strangers: string[] = [];

  const address = (urn: string, tab = ''): string =>
    `${catalog.url}/${urn.split(':')[2]}/${encodeURIComponent(urn)}${tab && `?tab=${tab}`}`;
  const shot = (name: string) =>
    page.screenshot({ path: join(__dirname, `../../test-results/catalog-${name}.png`) });
  const boxes = async (): Promise<string[]> => (await page.locator('.box .name').allTextContents()).sort();
  /** Faults that Axe calls serious or critical. */
  const faults = async (): Promise<string[]> => {
    const { violations } = (await page.evaluate('axe.run()')) as {
      violations: { id: string; impact: string; nodes: { html: string }[] }[];
    };
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(
        ({ id, nodes }) =>
          `${id}: ${nodes
            .map(({ html }) => html)
            .join(' ')
            .slice(0, 300)}`,
      );
  };

  beforeAll(async () => {
    catalog = await startCatalog();
    await catalog.tell(SHOP);
    browser = await launchBrowser();
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, bypassCSP: true });
    await context.addInitScript({ content: readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8') });
    page = await context.newPage();
    page.setDefaultTimeout(45_000);
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => {
      // The browser's own words for what the page tells.
      if (message.type() === 'error' && !/status of 40[14]/.test(message.text()))
        problems.push(message.text());
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(catalog.url) && !/^(data|blob):/.test(request.url()))
        strangers.push(request.url());
    });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await catalog?.stack.remove();
  });

  test('asks for the token, whichever page one comes to', async () => {
    await page.goto(address(FACT));
    await page.getByLabel('Token').fill('wrong-token-wrong-token');
    await page.keyboard.press('Enter');
    await page.getByText('This token isn’t one of this server’s.').waitFor();
    expect(await page.locator('dialog code').textContent()).toMatch(
      /^make STACK=test-.* -s secret s=catalog k=token$/,
    );
    expect(await faults()).toEqual([]);
    await page.getByLabel('Token').fill(catalog.token);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'fct_orders' }).waitFor();
  });

  test('finds by name first, then by columns; narrows; says when there is nothing', async () => {
    await page.keyboard.press('/');
    await page.keyboard.type('orders');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: /results for “orders”/ }).waitFor();
    const hits = page.locator('.hits .name');
    expect((await hits.allTextContents())[0]).toBe('orders');
    // A table on two platforms is one line.
    expect(await page.locator('.hits li', { hasText: 'dbt + duckdb' }).count()).toBe(1);
    await page.getByRole('navigation').getByRole('link', { name: 'file', exact: true }).click();
    await page.getByRole('heading', { name: '1 result for “orders”' }).waitFor();
    expect(await hits.allTextContents()).toEqual(['orders.csv']);
    await page.goto(`${catalog.url}/?q=amount_eur`);
    await page.getByRole('link', { name: 'orders', exact: true }).waitFor();
    expect(await faults()).toEqual([]);
    await page.goto(`${catalog.url}/?q=nowhere-to-be-found`);
    await page.getByRole('heading', { name: 'Nothing found for “nowhere-to-be-found”' }).waitFor();
    await page.goto(address(dataset('not.told')));
    await page.getByRole('alert').getByText('nothing was told of').waitFor();
  });

  test('shows an entity: words, columns, checks and their results, history', async () => {
    await page.goto(address(FACT));
    await page.getByText('One row an order.').waitFor();
    await page.getByRole('tab', { name: 'Columns 2' }).click();
    const revenue = page.getByRole('row', { name: /revenue/ });
    await revenue.getByRole('img', { name: 'revenue is not null failed' }).waitFor();
    expect(await faults()).toEqual([]);
    await page.getByRole('tab', { name: 'Quality ✗ 1 of 2' }).click();
    // What fails comes first, with what was before.
    const first = page.locator('.quality tbody tr').first();
    expect(await first.textContent()).toMatch(/^✗ failedrevenue is not nullrevenue/);
    expect(await first.getByRole('img', { name: /passed$/ }).count()).toBe(1);
    expect(await faults()).toEqual([]);
    await page.getByRole('tab', { name: 'History' }).click();
    await page.getByText('column revenue was added').waitFor();
    await page.goBack();
    await page.goto(address(DASHBOARD));
    expect(await page.getByRole('link', { name: 'Open' }).getAttribute('href')).toBe(
      'https://evidence.example/sales',
    );
    await page.getByText('ada').waitFor();
  });

  test('draws the lineage: both ways, so far as asked; more on demand; less on demand', async () => {
    await page.goto(`${address(RAW, 'lineage')}&depth=1`);
    await page.getByText('3 entities', { exact: true }).waitFor();
    expect(await boxes()).toEqual(['orders', 'orders', 'orders.csv']);
    await page.getByRole('button', { name: 'Show 1 more downstream: orders' }).click();
    await page.getByText('4 entities', { exact: true }).waitFor();
    expect(await boxes()).toEqual(['fct_orders', 'orders', 'orders', 'orders.csv']);
    await page.getByRole('button', { name: /Show 14 more downstream: fct_orders/ }).click();
    await page.getByText('18 entities', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Hide what is downstream: fct_orders' }).click();
    await page.getByText('4 entities', { exact: true }).waitFor();
    await page.getByLabel('Direction').selectOption('upstream');
    await page.getByText('2 entities', { exact: true }).waitFor();
    await page.getByLabel('Depth').selectOption('20');
    await page.getByLabel('Direction').selectOption('downstream');
    await page.getByText('17 entities', { exact: true }).waitFor();
    await shot('lineage');
    expect(await faults()).toEqual([]);
  });

  test('a column’s lineage, and the same as a list', async () => {
    await page.goto(`${address(dataset('orders.csv', 'file'), 'lineage')}&depth=20&column=amount`);
    await page.getByText('12 entities', { exact: true }).waitFor();
    const fact = page.locator('.box', { hasText: 'fct_orders' });
    expect(await fact.locator('code').allTextContents()).toEqual(['revenue']);
    // It reads the table; which columns, nobody told.
    expect(await page.locator('.box.possible .name').allTextContents()).toContain('Sales');
    await shot('column');
    await page.getByRole('combobox', { name: 'As' }).selectOption('list');
    await page.locator('tbody tr').first().waitFor();
    const rows = await page.locator('tbody tr').allTextContents();
    expect(rows).toHaveLength(12);
    expect(rows.find((row) => row.startsWith('fct_orders'))).toContain('3 steps downstreamrevenue');
    expect(await faults()).toEqual([]);
  });

  test('keys go along the graph', async () => {
    await page.goto(`${address(STAGED, 'lineage')}&depth=1`);
    await page.getByText('3 entities', { exact: true }).waitFor();
    const here = () => page.evaluate('document.activeElement.querySelector(".name")?.textContent');
    await page.locator('.box.root a').focus();
    await page.keyboard.press('ArrowRight');
    expect(await here()).toBe('fct_orders');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    expect(await page.evaluate('document.activeElement.textContent')).toMatch(
      /dbt · shop\.raw, 1 step upstream/,
    );
    // One stop for Tab, however many boxes.
    expect(await page.locator('.box a[tabindex="0"]').count()).toBe(1);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Space');
    await page.getByText('17 entities', { exact: true }).waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'fct_orders' }).waitFor();
  });

  test('says what breaks when a column goes', async () => {
    await page.goto(`${address(dataset('orders.csv', 'file'), 'impact')}&column=amount`);
    await page.getByText(/^amount is in 9 other tables, and 2 more that read those tables/).waitFor();
    await page.getByText('1 test looks at it or at what is made of it').waitFor();
    const sales = page.getByRole('row', { name: /Sales/ });
    expect(await sales.textContent()).toContain('ada');
    await shot('impact');
    expect(await faults()).toEqual([]);
    await page.getByLabel('What if this goes or changes?').selectOption('id');
    await page.getByText(/^id is in 9 other tables/).waitFor();
    await page.goto(address(dataset('shop.marts.mart_0'), 'impact'));
    await page.getByText('Nothing is known to come of mart_0.').waitFor();
  });

  test('leaves out runs, and jobs between tables that say themselves what they are made of', async () => {
    const flow = 'urn:li:dataFlow:(dagster,pipeline,PROD)';
    const job = `urn:li:dataJob:(${flow},build)`;
    const load = `urn:li:dataJob:(${flow},load)`;
    const run = 'urn:li:dataProcessInstance:one';
    const [source, loaded] = [dataset('jobs.source'), dataset('jobs.loaded')];
    const through = (urn: string, inputDatasets: string[], outputDatasets: string[]) => ({
      urn,
      aspect: 'dataJobInputOutput',
      value: { inputDatasets, outputDatasets, inputDatajobs: [] },
    });
    await catalog.tell([
      ...table(source, ['a']),
      ...table(loaded, ['a']),
      // Of what it makes, nobody else says what it is made of; of the others, they do.
      through(load, [source], [loaded]),
      through(job, [RAW, STAGED], [STAGED, FACT]),
      { urn: flow, aspect: 'dataFlowInfo', value: { name: 'pipeline' } },
      {
        urn: run,
        aspect: 'dataProcessInstanceOutput',
        value: { outputs: [FACT], outputEdges: [{ destinationUrn: FACT }] },
      },
    ]);
    const graph = async (urn: string) => {
      const answer = await catalog.ask(`/view/graph/${encodeURIComponent(urn)}?depth=20`);
      return ((await answer.json()) as { nodes: { urn: string }[] }).nodes.map((node) => node.urn);
    };
    expect((await graph(source)).sort()).toEqual([load, loaded, source].sort());
    const shop = await graph(RAW);
    expect(shop).toContain(FACT);
    expect(shop.filter((urn) => urn === job || urn === run)).toEqual([]);
    // Its own graph has it.
    expect(await graph(job)).toEqual(expect.arrayContaining([job, FACT, STAGED]));
    // A flow has its jobs, though nobody says so but their keys.
    await page.goto(address(flow, 'related'));
    await page.getByRole('row', { name: 'build Job IsPartOf' }).waitFor();
  });

  test('shows hostile names as text, and follows no hostile link', async () => {
    await page.goto(`${catalog.url}/?q=img`);
    await page.getByText(HOSTILE).first().waitFor();
    for (const urn of ['urn:li:dashboard:(evidence,hostile)', dataset('shop.marts.<b>bold')])
      for (const tab of ['overview', 'columns', 'lineage', 'impact', 'history', 'aspects']) {
        await page.goto(address(urn, tab));
        await page.getByRole('tab', { selected: true }).waitFor();
      }
    await page.goto(address('urn:li:dashboard:(evidence,hostile)'));
    await page.getByRole('heading', { name: HOSTILE }).waitFor();
    expect(await page.getByRole('link', { name: 'Open' }).count()).toBe(0);
    expect(await page.evaluate('globalThis.__ran')).toBeUndefined();
  });

  test('2,000 entities: few are elements; how smoothly they move is printed', async () => {
    await catalog.tell(layers(2_000, 200));
    const last = dataset('big.layer_9.t1999');
    await page.goto(`${address(last, 'lineage')}&depth=20`);
    await page.getByText(/^1,8\d\d entities$/).waitFor({ timeout: 90_000 });
    const measure = `new Promise((done) => {
      const frames = []; let before = performance.now(); const graph = document.querySelector('.graph');
      const step = (now) => {
        frames.push(now - before); before = now;
        const type = frames.length % 40 < 20 ? -40 : 40;
        graph.dispatchEvent(new WheelEvent('wheel', { deltaY: type, clientX: 600, clientY: 500, bubbles: true, cancelable: true }));
        if (frames.length < 120) requestAnimationFrame(step);
        else done(frames.slice(5).sort((a, b) => a - b));
      };
      requestAnimationFrame(step);
    })`;
    const frames = (await page.evaluate(measure)) as number[];
    const at = (share: number): number => Math.round(frames[Math.floor(frames.length * share)]!);
    console.log(`zooming through 2,000 entities: a frame every ${at(0.5)} ms (median), ${at(0.95)} ms (p95)`);
    expect(await page.locator('.box').count()).toBeLessThan(400);
    await page.getByRole('button', { name: 'Fit all' }).click();
    await shot('many');
    expect(await page.locator('.box').count()).toBeLessThan(10);
  }, 180_000);

  test('dark, and on a narrow screen', async () => {
    await page.emulateMedia({ colorScheme: 'dark' });
    for (const [name, tab] of [
      ['overview', ''],
      ['columns', 'columns'],
      ['lineage', 'lineage'],
      ['impact', 'impact'],
    ] as const) {
      await page.goto(address(FACT, tab));
      await page.getByRole('tab', { selected: true }).waitFor();
      if (tab === 'lineage') await page.getByText(/^\d+ entities$/).waitFor();
      expect([name, await faults()]).toEqual([name, []]);
      await shot(`dark-${name}`);
    }
    await page.setViewportSize({ width: 390, height: 800 });
    await page.goto(`${catalog.url}/?q=orders`);
    await page.locator('.hits').waitFor();
    await shot('narrow');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  });

  test('asks nobody else, may be framed by nobody, and had no faults of its own', async () => {
    const { headers } = await fetch(catalog.url);
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(strangers).toEqual([]);
    expect(problems).toEqual([]);
  });
});
