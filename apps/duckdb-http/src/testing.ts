import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json } from '@duckdb/node-api';
import type { Problem } from '@stack/http-server';
import type { ObjectStore } from '@stack/snapshot/testing';
import type { Answer } from './execute';
import { createDuckdbHttp } from './server';

export const TOKEN = 'a-token-for-the-tests';

/** As the build made it. */
const PAGE_DIR = join(__dirname, '../../../dist/apps/duckdb-http-page');

export interface Reply {
  status: number;
  headers: Headers;
  body: Omit<Answer, 'rows'> & { rows: Json[][] } & Problem & { snapshot: { id: string | null } };
}

export interface Running {
  url: string;
  /** Posts one query and returns the answer, whatever its status. */
  query: (sql: string, more?: Record<string, Json>, signal?: AbortSignal) => Promise<Reply>;
  /** Posts one query that must succeed and returns its rows. */
  rows: (sql: string) => Promise<Json[][]>;
  stop: () => Promise<void>;
}

/** The real server on a free port, on the lake of `store`. */
export async function startDuckdbHttp(store: ObjectStore, env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const dir = await mkdtemp(join(tmpdir(), 'duckdb-http-'));
  Object.assign(process.env, store.environment);
  const { server, stop } = await createDuckdbHttp(
    {
      ...store.environment,
      SNAPSHOT_DIR: dir,
      SNAPSHOT_POLL_MS: '50',
      API_TOKEN: TOKEN,
      SQL_PAGE_DIR: PAGE_DIR,
      ...env,
    },
    { logLevel: 'silent' },
  );
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  const query: Running['query'] = async (sql, more = {}, signal) => {
    const answer = await fetch(`${url}/v1/query`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ sql, ...more }),
      signal,
    });
    return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Reply['body'] };
  };
  return {
    url,
    query,
    rows: async (sql) => {
      const { status, body } = await query(sql);
      if (status !== 200) throw new Error(`${sql}: ${JSON.stringify(body)}`);
      return body.rows;
    },
    stop: async () => {
      // Of a client that is gone nothing more comes; under load its connection may still count as at work.
      server.server.closeAllConnections();
      await server.close();
      await stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
