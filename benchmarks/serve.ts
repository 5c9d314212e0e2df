/** duckdb-http and its peers on the same data, one server at a time; Arrow also with DuckDB's own in a Python process. */
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as http from 'node:http';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { flightTables, ObjectStore, publish } from '@stack/snapshot/testing';
import { execa } from 'execa';
import { startOurs, TOKEN, until } from './serve/ours';

const ROWS = 1_000_000;
const SECONDS = 3;
const RUNS = 5;
const CLIENTS = [1, 8, 64];
const FIRST_PORT = 21_811;
const FASTAPI = ['fastapi==0.165.0', 'uvicorn==0.54.0', 'duckdb==1.5.6', 'pyarrow==26.0.1'];
const MOSAIC = ['duckdb-server==0.34.2', 'duckdb==1.5.6', 'pyarrow==26.0.1'];
const ROAPI = ['roapi==0.12.7'];

interface Ask {
  path: string;
  body: object | string;
  headers?: Record<string, string>;
}

interface Server {
  name: string;
  url: string;
  /** A query by a number or a text, answered as each does it by itself. */
  small: (sql: string, value: string | number) => Ask;
  /** A large one, answered as JSON objects. */
  json?: (sql: string) => Ask;
  /** The same as an Arrow stream. */
  arrow?: (sql: string) => Ask;
}

/** For those that take no parameters. */
const inline = (sql: string, value: string | number): string =>
  sql.replace('?', typeof value === 'number' ? String(value) : `'${value}'`);

/** Posts, reads the answer to its end and returns it. */
function post(url: string, { path: at, body, headers }: Ask, agent: http.Agent): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const all = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}`, ...headers };
    const request = http.request(`${url}${at}`, { method: 'POST', agent, headers: all }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      answer.on('error', reject);
      answer.on('end', () => {
        const whole = Buffer.concat(pieces);
        if (answer.statusCode === 200) resolve(whole);
        else reject(new Error(`${url}: ${answer.statusCode} ${whole.toString().slice(0, 200)}`));
      });
    });
    request.on('error', reject).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}

/** Answers a second, a value that is new in each request. */
async function rate(
  server: Server,
  clients: number,
  sql: string,
  value: () => string | number,
): Promise<number> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: clients });
  // The first takes what the server loads only then.
  await post(server.url, server.small(sql, value()), agent);
  const end = performance.now() + SECONDS * 1_000;
  let count = 0;
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      await post(server.url, server.small(sql, value()), agent);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
  return count / SECONDS;
}

/** The best of some runs, in milliseconds, and the last answer. */
async function best(server: Server, ask: Ask): Promise<{ ms: number; answer: Buffer }> {
  const agent = new http.Agent({ keepAlive: true });
  let ms = Infinity;
  let answer: Buffer = Buffer.alloc(0);
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now();
    answer = await post(server.url, ask, agent);
    ms = Math.min(ms, performance.now() - start);
  }
  agent.destroy();
  return { ms, answer };
}

/** One line: ours, and each peer with how many times ours is better than it. */
function line(what: string, unit: '/s' | 'ms', ours: number, peers: [string, number | string][]): void {
  const shown = peers.map(([name, value]) => {
    if (typeof value === 'string') return `${name} ${value}`;
    const times = unit === '/s' ? ours / value : value / ours;
    return `${name} ${value.toFixed(unit === '/s' ? 0 : 1)} ${unit} (${times.toFixed(2)} ×)`;
  });
  console.log(`  ${what}: ${ours.toFixed(unit === '/s' ? 0 : 1)} ${unit}; ${shown.join('; ')}`);
}

async function main(): Promise<void> {
  const own = path.resolve(__dirname, '../.tools/uv/bin/uv');
  const uv = existsSync(own) ? own : 'uv';
  console.log(
    `  against ${[...new Set([...FASTAPI, ...MOSAIC, ...ROAPI])].join(', ')}; Node ${process.version}`,
  );
  const store = await ObjectStore.start();
  const dir = mkdtempSync(path.join(tmpdir(), 'bench-serve-'));
  const children: { kill: () => void }[] = [];
  let port = FIRST_PORT;
  try {
    const { id } = await publish(store, flightTables(ROWS));
    const { url, kill } = await startOurs(store, dir, port, id);
    children.push({ kill });
    const ours: Server = {
      name: 'duckdb-http',
      url,
      small: (sql, value) => ({ path: '/v1/query', body: { sql, params: [value] } }),
      json: (sql) => ({ path: '/v1/query', body: { sql, format: 'rows' } }),
      arrow: (sql) => ({ path: '/v1/query', body: { sql, format: 'arrow' } }),
    };
    const file = path.join(dir, `${id}.duckdb`);
    // That one opens it to write.
    const copy = path.join(dir, 'copy.duckdb');
    copyFileSync(file, copy);
    const parquet = path.join(dir, 'fct_flights.parquet');
    const run = (packages: string[], ...command: string[]): string[] => [
      'run',
      '--no-project',
      ...packages.flatMap((one) => ['--with', one]),
      ...command,
    ];
    const peerFile = path.join(__dirname, 'serve', 'peer.py');
    const python = (...args: string[]): string[] => run(FASTAPI, 'python', peerFile, file, ...args);
    const answer = (sql: string): Promise<Buffer> =>
      best(ours, { path: '/v1/query', body: { sql, format: 'parquet' } }).then((one) => one.answer);
    writeFileSync(parquet, await answer('FROM fct_flights'));

    const peers: Server[] = [];
    /** A peer that doesn't start is said and left out. */
    const start = async (
      name: string,
      command: (port: number) => string[],
      probe: string,
      asks: Omit<Server, 'name' | 'url'>,
    ): Promise<void> => {
      const at = (port += 1);
      const child = execa(uv, command(at), { stdout: 'ignore', stderr: 'ignore', reject: false });
      children.push(child);
      const ended = child.then(({ exitCode }) => `ended with status ${exitCode}`);
      const problem = await Promise.race([
        ended,
        until(`http://127.0.0.1:${at}${probe}`, () => true).then(() => undefined),
      ]);
      if (problem) console.log(`  ${name} is left out: it ${problem}`);
      else peers.push({ name, url: `http://127.0.0.1:${at}`, ...asks });
    };
    await start('FastAPI', (at) => python(String(at)), '/docs', {
      small: (sql, value) => ({ path: '/query', body: { sql, params: [value] } }),
      json: (sql) => ({ path: '/query', body: { sql } }),
    });
    await start(
      'Mosaic’s duckdb-server',
      (at) =>
        run(
          MOSAIC,
          '--python',
          '3.12',
          'duckdb-server',
          '--database',
          copy,
          '--port',
          String(at),
          '--no-http2',
        ),
      '/',
      {
        small: (sql, value) => ({ path: '/', body: { type: 'arrow', sql: inline(sql, value) } }),
        arrow: (sql) => ({ path: '/', body: { type: 'arrow', sql } }),
      },
    );
    const stream = { accept: 'application/vnd.apache.arrow.stream' };
    await start(
      'roapi',
      (at) => run(ROAPI, 'roapi', '--addr-http', `127.0.0.1:${at}`, '--table', `fct_flights=${parquet}`),
      '/api/tables',
      {
        small: (sql, value) => ({ path: '/api/sql', body: inline(sql, value) }),
        json: (sql) => ({ path: '/api/sql', body: sql }),
        arrow: (sql) => ({ path: '/api/sql', body: sql, headers: stream }),
      },
    );

    for (const clients of CLIENTS) {
      for (const [what, sql, value] of [
        ['select 1', 'SELECT CAST(? AS INTEGER) AS one', () => Math.floor(Math.random() * 1e6)],
        [
          'point lookup',
          'SELECT * FROM fct_flights WHERE flight_id = ?',
          () => String(Math.floor(Math.random() * ROWS)),
        ],
      ] as const) {
        const mine = await rate(ours, clients, sql, value);
        const theirs: [string, number][] = [];
        for (const peer of peers) theirs.push([peer.name, await rate(peer, clients, sql, value)]);
        line(`${what}, ${clients} clients`, '/s', mine, theirs);
      }
    }
    const inProcess = async (sql: string): Promise<number> =>
      Number((await execa(uv, python('--fetch', sql))).stdout);
    for (const [what, from] of [
      ['1 M', 'fct_flights'],
      ['50 M', 'fct_flights, range(50) r(i)'],
    ]) {
      const sql = `SELECT carrier, origin, count(*) AS n, avg(dep_delay_min) AS d FROM ${from} GROUP BY ALL`;
      const { ms } = await best(ours, ours.arrow!(sql));
      line(`group-by over ${what} rows`, 'ms', ms, [['in process', await inProcess(sql)]]);
    }
    for (const rows of [10_000, ROWS]) {
      const sql = `SELECT * FROM fct_flights LIMIT ${rows}`;
      for (const form of ['json', 'arrow'] as const) {
        const mine = await best(ours, ours[form]!(sql));
        const theirs: [string, number | string][] = [];
        for (const peer of peers) {
          const ask = peer[form];
          if (!ask) continue;
          const { ms, answer: got } = await best(peer, ask(sql));
          // One that answers less isn't faster.
          const same = form === 'arrow' || rows > 10_000 || lengthOf(got) === lengthOf(mine.answer);
          theirs.push([peer.name, same ? ms : `answers ${lengthOf(got)} rows`]);
        }
        if (form === 'arrow') theirs.push(['in process', await inProcess(sql)]);
        line(`${rows} rows as ${form === 'json' ? 'JSON' : 'Arrow'}`, 'ms', mine.ms, theirs);
      }
    }
  } finally {
    for (const child of children) child.kill();
    await store.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

const lengthOf = (json: Buffer): number => (JSON.parse(json.toString()) as unknown[]).length;

void main();
