/** duckdb-http with FastAPI on the same file, one server at a time; Arrow over HTTP with DuckDB's own Arrow in a Python process. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import * as http from 'node:http';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { flightTables, ObjectStore, publish } from '@stack/snapshot/testing';
import { execa } from 'execa';

const ROWS = 1_000_000;
const SECONDS = 3;
const RUNS = 5;
const TOKEN = 'a-token-for-the-benchmark';
const [OURS, THEIRS] = [21_811, 21_812];
const PYTHON = ['fastapi==0.165.0', 'uvicorn==0.54.0', 'duckdb==1.5.6', 'pyarrow==26.0.1'];

interface Server {
  name: string;
  url: string;
  /** A small query, answered as each does it by itself. */
  small: (sql: string, params: unknown[]) => object;
  /** A large one, answered as JSON objects. */
  large: (sql: string) => object;
}

/** Posts, reads the answer to its end and returns how many bytes it has. */
function post(url: string, body: object, agent: http.Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` };
    const request = http.request(url, { method: 'POST', agent, headers }, (answer) => {
      let bytes = 0;
      answer.on('data', (piece: Buffer) => (bytes += piece.length));
      answer.on('error', reject);
      answer.on('end', () =>
        answer.statusCode === 200 ? resolve(bytes) : reject(new Error(`${url}: ${answer.statusCode}`)),
      );
    });
    request.on('error', reject).end(JSON.stringify(body));
  });
}

/** Answers a second, parameters new in each request. */
async function rate(server: Server, clients: number, sql: string, most: number): Promise<number> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: clients });
  // The first takes what the server loads only then.
  await post(server.url, server.small(sql, ['1']), agent);
  const end = performance.now() + SECONDS * 1_000;
  let count = 0;
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      const param = Math.floor(Math.random() * most);
      await post(server.url, server.small(sql, [most === 1 ? 1 : String(param)]), agent);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
  return count / SECONDS;
}

/** The best of some runs, in milliseconds. */
async function best(url: string, body: object): Promise<number> {
  const agent = new http.Agent({ keepAlive: true });
  let least = Infinity;
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now();
    await post(url, body, agent);
    least = Math.min(least, performance.now() - start);
  }
  agent.destroy();
  return least;
}

async function until(url: string, ready: (text: string) => boolean): Promise<void> {
  for (;;) {
    const text = await fetch(url).then(
      (answer) => answer.text(),
      () => undefined,
    );
    if (text !== undefined && ready(text)) return;
    await new Promise((done) => setTimeout(done, 100));
  }
}

async function main(): Promise<void> {
  const own = path.resolve(__dirname, '../.tools/uv/bin/uv');
  const uv = existsSync(own) ? own : 'uv';
  console.log(`  against ${PYTHON.join(', ')}`);
  const store = await ObjectStore.start();
  const dir = mkdtempSync(path.join(tmpdir(), 'bench-serve-'));
  const children: { kill: () => void }[] = [];
  try {
    const { id } = await publish(store, flightTables(ROWS));
    const program = path.resolve(__dirname, '../dist/apps/duckdb-http/main.cjs');
    const env = { ...store.environment, SNAPSHOT_DIR: dir, API_TOKEN: TOKEN, PORT: String(OURS) };
    children.push(execa(process.execPath, [program], { env, stdout: 'ignore', reject: false }));
    await until(`http://127.0.0.1:${OURS}/health`, (text) => text.includes(id));
    const file = path.join(dir, readdirSync(dir).find((name) => name === `${id}.duckdb`) ?? '');
    const peer = ['run', '--no-project', ...PYTHON.flatMap((one) => ['--with', one]), 'python'];
    const python = (...args: string[]) => [...peer, path.join(__dirname, 'serve', 'peer.py'), file, ...args];
    children.push(execa(uv, python(String(THEIRS)), { stdout: 'ignore', reject: false }));
    await until(`http://127.0.0.1:${THEIRS}/docs`, () => true);

    const ours: Server = {
      name: 'duckdb-http',
      url: `http://127.0.0.1:${OURS}/v1/query`,
      small: (sql, params) => ({ sql, params }),
      large: (sql) => ({ sql, format: 'rows' }),
    };
    const theirs: Server = {
      name: 'FastAPI',
      url: `http://127.0.0.1:${THEIRS}/query`,
      small: (sql, params) => ({ sql, params }),
      large: (sql) => ({ sql }),
    };
    const compare = async (what: string, unit: string, measure: (server: Server) => Promise<number>) => {
      const [a, b] = [await measure(ours), await measure(theirs)];
      const ratio = unit === 'ms' ? b / a : a / b;
      console.log(
        `  ${what}: ${a.toFixed(1)} ${unit}, FastAPI ${b.toFixed(1)} ${unit}: ${ratio.toFixed(2)} ×`,
      );
    };
    for (const clients of [1, 8]) {
      await compare(`select 1, ${clients} clients`, '/s', (server) =>
        rate(server, clients, 'SELECT ?::INTEGER AS one', 1),
      );
      await compare(`point lookup, ${clients} clients`, '/s', (server) =>
        rate(server, clients, 'SELECT * FROM fct_flights WHERE flight_id = ?', ROWS),
      );
    }
    for (const rows of [10_000, ROWS]) {
      const sql = `SELECT * FROM fct_flights LIMIT ${rows}`;
      await compare(`${rows} rows as JSON`, 'ms', (server) => best(server.url, server.large(sql)));
      const arrow = await best(ours.url, { sql, format: 'arrow' });
      const { stdout } = await execa(uv, python('--fetch', sql));
      const inProcess = Number(stdout);
      console.log(
        `  ${rows} rows as Arrow: ${arrow.toFixed(1)} ms over HTTP, ${inProcess.toFixed(1)} ms in a Python process: ${(inProcess / arrow).toFixed(2)} ×`,
      );
    }
  } finally {
    for (const child of children) child.kill();
    await store.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

void main();
