/**
 * The catalogue with DataHub's own client, against a server that only answers 200; then full: searches, lineages, export, memory.
 * DATASETS=100000 (20 columns each), QUERIES=100 of each kind.
 */
import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as path from 'node:path';
import { findWorkspace } from '@stack/runtime';
import { TestStack } from '@stack/testing';
import { execa } from 'execa';
import { catalog } from '../apps/catalog/service';
import { proposalsOf } from './catalog/made';
import { median, seconds } from './timing';

const DATASETS = Number(process.env.DATASETS ?? 100_000);
const QUERIES = Number(process.env.QUERIES ?? 100);
/** Datasets that the client ingests in one measurement; as often at the start and at the end. */
const MEASURED = Math.min(1_000, Math.floor(DATASETS / 20));
const ROUNDS = 3;
/** Of the quick emitter that fills it in between. */
const [CONNECTIONS, PER_REQUEST] = [2, 60];

/** Whole megabytes (2^20 bytes), now and at most. Linux only. */
function memoryOf(pid = 0): { now: number; most: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (name: string): number =>
    Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
  return { now: mb('VmRSS'), most: mb('VmHWM') };
}

/** Answers each request with 200, after its body. `/config` is the catalogue's own, so that the client does the same. */
async function startPeer(config: string): Promise<{ url: string; stop: () => void }> {
  const server = http.createServer((request, answer) => {
    request.resume().on('end', () => {
      answer.setHeader('content-type', 'application/json');
      answer.end(request.url === '/config' ? config : '{"value":"success"}');
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, stop: () => server.close() };
}

interface Figure {
  what: string;
  value: string;
  goal: string;
  met: boolean;
}

const p95 = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1]!;

/** Reads an answer to its end, without keeping it. @throws Error when it breaks off */
async function lengthOf(answer: Response): Promise<number> {
  let bytes = 0;
  for await (const chunk of answer.body!) bytes += (chunk as Uint8Array).length;
  return bytes;
}

async function main(): Promise<void> {
  const figures: Figure[] = [];
  const stack = await TestStack.start();
  try {
    await stack.deploy('catalog');
    const url = stack.resolve(catalog.url('http'));
    const token = stack.resolve(catalog.secret('token'));
    const { pid } = await stack.unit('catalog');
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const client = async <T>(...args: (string | number)[]): Promise<T> => {
      const { stdout } = await execa(
        path.join(findWorkspace(), '.venv/bin/python'),
        [path.join(__dirname, 'catalog', 'client.py'), ...args.map(String)],
        {
          env: {
            DATASETS: String(DATASETS),
            DATAHUB_GMS_TOKEN: token,
            DATAHUB_TELEMETRY_ENABLED: 'false',
          },
        },
      );
      return JSON.parse(stdout.split('\n').at(-1)!) as T;
    };

    let next = 0;
    /** Datasets a second, by the client. */
    const ingest = async (server: string): Promise<number> =>
      MEASURED / (await client<number>('ingest', server, next, MEASURED));
    const peer = await startPeer(await (await fetch(`${url}/config`, { headers })).text());
    const compare = async (when: string): Promise<{ rate: number; ratio: number }> => {
      const [ours, theirs]: [number[], number[]] = [[], []];
      for (let round = 0; round < ROUNDS; round++) {
        theirs.push(await ingest(peer.url));
        ours.push(await ingest(url));
        next += MEASURED;
      }
      const ratio = median(ours) / median(theirs);
      figures.push({
        what: `ingest by the client, ${when}: ${median(ours).toFixed(0)} datasets/s, with a server that only answers ${median(theirs).toFixed(0)}`,
        value: `${ratio.toFixed(2)} ×`,
        goal: '≥ 0.8 ×',
        met: ratio >= 0.8,
      });
      console.log(`  ${figures.at(-1)!.what}`);
      return { rate: median(ours), ratio };
    };
    // What a program does the first time, it does slowly.
    await ingest(url);
    next += MEASURED;
    const atStart = await compare('empty');

    /** Datasets a second, from several connections. */
    const fill = async (upTo: number): Promise<number> => {
      const [from, start] = [next, performance.now()];
      const send = async (): Promise<void> => {
        while (next < upTo) {
          const first = next;
          next = Math.min(upTo, first + PER_REQUEST);
          const proposals = Array.from({ length: next - first }, (_, k) =>
            proposalsOf(first + k, DATASETS),
          ).flat();
          const body = JSON.stringify({ proposals });
          const answer = await fetch(`${url}/aspects?action=ingestProposalBatch`, {
            method: 'POST',
            headers,
            body,
          });
          if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
          await answer.text();
        }
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, send));
      return ((upTo - from) / (performance.now() - start)) * 1_000;
    };
    const [first, last] = [next, DATASETS - ROUNDS * MEASURED];
    const rates: number[] = [];
    const started = performance.now();
    for (let tenth = 1; tenth <= 10; tenth++) {
      rates.push(await fill(first + Math.round(((last - first) * tenth) / 10)));
      console.log(`  filled ${next}: ${rates.at(-1)!.toFixed(0)} datasets/s, ${memoryOf(pid).now} MB`);
    }
    console.log(`  ${last - first} datasets in ${seconds(performance.now() - started)}`);
    const atEnd = await compare('full');
    // A busy machine is slower for both: what changed for the peer isn't ours.
    for (const [what, change] of [
      ['ingest at the end, of that at the start', atEnd.rate / atStart.rate],
      ['the same, each compared with the peer', atEnd.ratio / atStart.ratio],
    ] as const)
      figures.push({ what, value: `${change.toFixed(2)} ×`, goal: '≥ 0.8 ×', met: change >= 0.8 });
    const most = (what: string): void => {
      const { most: peak } = memoryOf(pid);
      figures.push({ what, value: `${peak} MB`, goal: '< 300 MB', met: peak < 300 });
    };
    most('peak of resident memory after ingestion');

    for (const [what, goal] of [
      ['search', 50],
      ['lineage', 100],
    ] as const)
      for (const [kind, found] of Object.entries(await client<Record<string, number[]>>(what, url, QUERIES)))
        figures.push({
          what: `${what}, ${kind}: p95`,
          value: `${(p95(found) * 1_000).toFixed(1)} ms (median ${(median(found) * 1_000).toFixed(1)})`,
          goal: `< ${goal} ms`,
          met: p95(found) * 1_000 < goal,
        });
    most('peak of resident memory after the queries');
    const began = performance.now();
    const bytes = await lengthOf(await fetch(`${url}/export`, { headers }));
    console.log(`  export of ${Math.round(bytes / 2 ** 20)} MB in ${seconds(performance.now() - began)}`);
    most('peak of resident memory after the export');
    peer.stop();
  } finally {
    await stack.remove();
  }
  const width = Math.max(...figures.map(({ what }) => what.length));
  for (const { what, value, goal, met } of figures)
    console.log(
      `  ${what.padEnd(width)}  ${value.padEnd(24)}  goal ${goal.padEnd(8)}  ${met ? '✔ met' : '✘ missed'}`,
    );
}

void main();
