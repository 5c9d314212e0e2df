/** What duckdb-http bears: 100 million rows to a slow client, 500 clients at once, small queries beside a heavy one. */
import { mkdtempSync, rmSync } from 'node:fs';
import * as http from 'node:http';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { flightTables, ObjectStore, publish } from '@stack/snapshot/testing';
import { startOurs, TOKEN } from './serve/ours';

const PORT = 21_841;
const ROWS = 1_000_000;
const STREAMED = 100_000_000;
const CLIENTS = 500;
/** `SECONDS=120` is what the goal says. */
const SECONDS = Number(process.env.SECONDS ?? 30);
const HEAVY = 'SELECT sum(hash(a.range + b.range) % 7)::BIGINT AS s FROM range(400000) a, range(20000) b';
const SMALL = 'SELECT * FROM fct_flights WHERE flight_id = ?';
const MIXED = [
  () => ({ sql: SMALL, params: [anId()] }),
  () => ({ sql: 'SELECT 1' }),
  () => ({
    sql: 'SELECT carrier, count(*) FROM fct_flights WHERE flight_id > ? GROUP BY ALL',
    params: [anId()],
  }),
  () => ({ sql: `FROM fct_flights LIMIT ${1 + Math.floor(Math.random() * 10_000)}`, format: 'arrow' }),
];

const anId = (): string => String(Math.floor(Math.random() * ROWS));

interface Answer {
  /** 0: the connection broke. */
  status: number;
  ms: number;
}

function post(url: string, body: object, agent: http.Agent, slow = false): Promise<Answer> {
  const started = performance.now();
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` };
  return new Promise((resolve) => {
    const end = (status: number): void => resolve({ status, ms: performance.now() - started });
    const request = http.request(`${url}/v1/query`, { method: 'POST', agent, headers }, (answer) => {
      let taken = 0;
      answer.on('data', (piece: Buffer) => {
        taken += piece.length;
        if (!slow || taken < 4e6) return;
        taken = 0;
        answer.pause();
        setTimeout(() => answer.resume(), 20);
      });
      answer.on('error', () => end(0));
      answer.on('end', () => end(answer.statusCode ?? 0));
    });
    request.on('error', () => end(0)).end(JSON.stringify(body));
  });
}

const percentile = (values: number[], share: number): number =>
  values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN;

async function main(): Promise<void> {
  const store = await ObjectStore.start();
  const dir = mkdtempSync(path.join(tmpdir(), 'bench-serve-load-'));
  const { id } = await publish(store, flightTables(ROWS));
  const ours = await startOurs(store, dir, PORT, id);
  const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });
  try {
    const small = async (seconds: number): Promise<number> => {
      const times: number[] = [];
      for (const end = performance.now() + seconds * 1_000; performance.now() < end;) {
        times.push((await post(ours.url, { sql: SMALL, params: [anId()] }, agent)).ms);
        await after(5);
      }
      return percentile(times, 0.99);
    };
    const before = ours.memory();
    const sql = `SELECT i, i * 2 AS twice, 'row ' || i AS name FROM range(${STREAMED}) r(i)`;
    let peak = 0;
    const looking = setInterval(() => (peak = Math.max(peak, ours.memory().now)), 100);
    const { status, ms } = await post(ours.url, { sql, format: 'arrow' }, agent, true);
    clearInterval(looking);
    console.log(
      `  100 million rows to a slow client: status ${status}, ${(ms / 1_000).toFixed(0)} s, resident ${before.now} MB before, ${peak} MB at most (goal: below 400 MB)`,
    );

    await small(1);
    const alone = await small(5);
    const heavy = post(ours.url, { sql: HEAVY }, agent);
    const beside = await small(5);
    console.log(
      `  p99 of a point lookup: ${alone.toFixed(1)} ms alone, ${beside.toFixed(1)} ms beside a heavy query: ${(beside / alone).toFixed(1)} × (goal: below 10 ×)`,
    );
    await heavy;

    const counts = new Map<number, number>();
    const times: number[] = [];
    const end = performance.now() + SECONDS * 1_000;
    await Promise.all(
      Array.from({ length: CLIENTS }, async (_, i) => {
        for (let k = i; performance.now() < end; k++) {
          const { status, ms } = await post(ours.url, MIXED[k % MIXED.length]!(), agent);
          counts.set(status, (counts.get(status) ?? 0) + 1);
          if (status === 200) times.push(ms);
          if (status === 429) await after(100);
        }
      }),
    );
    const told = [...counts].map(([status, count]) => `${count} × ${status || 'broken off'}`).join(', ');
    console.log(
      `  ${CLIENTS} clients, ${SECONDS} s: ${told} (goal: nothing but 200 and 429); median ${percentile(times, 0.5).toFixed(0)} ms, p99 ${percentile(times, 0.99).toFixed(0)} ms; ${ours.memory().most} MB at most`,
    );
  } finally {
    agent.destroy();
    ours.kill();
    await store.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

void main();
