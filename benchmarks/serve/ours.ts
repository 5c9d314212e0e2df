/** duckdb-http as it is built, as a process of its own on a lake of its own. */
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import type { ObjectStore } from '@stack/snapshot/testing';
import { execa } from 'execa';

export const TOKEN = 'a-token-for-the-benchmark';

export interface Ours {
  url: string;
  /** Resident memory, in MB: now, and the most that it ever was. Linux only. */
  memory: () => { now: number; most: number };
  kill: () => void;
}

/** @param id of the snapshot that it must have before it counts as started */
export async function startOurs(store: ObjectStore, dir: string, port: number, id: string): Promise<Ours> {
  const program = path.resolve(__dirname, '../../dist/apps/duckdb-http/main.cjs');
  const env = {
    ...store.environment,
    SNAPSHOT_DIR: dir,
    API_TOKEN: TOKEN,
    PORT: String(port),
    RESULT_CACHE: '0',
    // As its definition sets it.
    MALLOC_ARENA_MAX: '2',
  };
  const child = execa(process.execPath, [program], { env, stdout: 'ignore', reject: false });
  const url = `http://127.0.0.1:${port}`;
  await until(`${url}/health`, (text) => text.includes(id));
  return {
    url,
    memory: () => {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      const mb = (name: string): number =>
        Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024);
      return { now: mb('VmRSS'), most: mb('VmHWM') };
    },
    kill: () => void child.kill(),
  };
}

/** Asks until the answer is as wanted. */
export async function until(url: string, ready: (text: string) => boolean): Promise<void> {
  for (;;) {
    const text = await fetch(url).then(
      (answer) => answer.text(),
      () => undefined,
    );
    if (text !== undefined && ready(text)) return;
    await new Promise((done) => setTimeout(done, 100));
  }
}
