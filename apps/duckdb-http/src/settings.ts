import { join } from 'node:path';
import { required, whole } from '@stack/http-server';
import { CONNECTIONS } from './threads';

/** What the environment sets; the table in README.md has the same names and defaults. */
export interface Settings {
  apiToken: string;
  snapshotDir: string;
  /** The SQL page, built. */
  pageDir: string;
  /** Queries that run at once, each on a connection of its own. */
  connections: number;
  /** Queries that one token may have open at once. */
  concurrency: number;
  /** Queries of one token that may wait. */
  queueLimit: number;
  /** Threads of the engine, shared by all queries. */
  threads: number;
  /** DuckDB's own notation: `512MB`. */
  memoryLimit: string;
  /** Most that queries may spill to disk, in DuckDB's notation. */
  spillLimit: string;
  /** Milliseconds from the request's arrival to its answer, or to the beginning and between the pieces of one that streams. */
  timeoutMs: number;
  /** Milliseconds from the request's arrival to the end of an answer that streams. */
  streamTimeoutMs: number;
  /** Rows of an answer that doesn't stream. */
  maxRows: number;
  /** JSON with the hashes of the tokens that were made; undefined: none can be. */
  tokensFile: string | undefined;
  /** JSON with what was asked in the last days; undefined: that is forgotten with the process. */
  usageFile: string | undefined;
  /** Bytes of answers that are kept, to be given again. 0: none */
  cacheBytes: number;
  /** Memory of a workspace's engine, in DuckDB's notation. */
  workspaceMemory: string;
  /** Workspaces at once. */
  workspaces: number;
  /** Origins whose pages may call this server from a browser. */
  corsOrigins: readonly string[];
  /** A line in the log for each query. */
  audit: boolean;
  /** Bytes of a request's body. */
  bodyLimit: number;
  /** Bytes of rows in an answer that doesn't stream. */
  answerLimit: number;
}

/** @throws Error naming the variable */
export function settingsFromEnvironment(env: NodeJS.ProcessEnv = process.env): Settings {
  const apiToken = required(env, 'API_TOKEN');
  if (!/^\S{16,}$/.test(apiToken))
    throw new Error('API_TOKEN: it takes 16 characters or more, without spaces');
  return {
    apiToken,
    snapshotDir: required(env, 'SNAPSHOT_DIR'),
    // The build lays it beside the folder of this program.
    pageDir: env.SQL_PAGE_DIR || join(__dirname, '../duckdb-http-page'),
    connections: whole(env, 'QUERY_CONNECTIONS', CONNECTIONS),
    concurrency: whole(env, 'TOKEN_CONCURRENCY', 64),
    queueLimit: whole(env, 'QUERY_QUEUE', 256),
    threads: whole(env, 'QUERY_THREADS', 2),
    memoryLimit: env.QUERY_MEMORY ?? '512MB',
    spillLimit: env.QUERY_SPILL ?? '1GB',
    timeoutMs: whole(env, 'QUERY_TIMEOUT_MS', 30_000),
    streamTimeoutMs: whole(env, 'STREAM_TIMEOUT_MS', 600_000),
    maxRows: whole(env, 'QUERY_MAX_ROWS', 100_000),
    tokensFile: env.TOKENS_FILE || undefined,
    usageFile: env.USAGE_FILE || undefined,
    cacheBytes: env.RESULT_CACHE === '0' ? 0 : whole(env, 'RESULT_CACHE', 33_554_432),
    workspaceMemory: env.WORKSPACE_MEMORY ?? '128MB',
    workspaces: whole(env, 'WORKSPACES', 4),
    corsOrigins: origins(env.CORS_ORIGINS),
    audit: env.AUDIT_LOG !== 'off',
    bodyLimit: whole(env, 'BODY_LIMIT', 262_144),
    answerLimit: whole(env, 'ANSWER_LIMIT', 67_108_864),
  };
}

/** @throws Error when one is no origin */
function origins(list = ''): string[] {
  const all = list.split(',').map((one) => one.trim());
  return all.filter(Boolean).map((one) => {
    if (URL.canParse(one) && new URL(one).origin === one) return one;
    throw new Error(`CORS_ORIGINS: ${one} is no origin such as https://dashboards.example`);
  });
}
