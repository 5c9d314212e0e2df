import { required, whole } from '@stack/http-server';

/** What the environment sets; the table in README.md has the same names and defaults. */
export interface Settings {
  apiToken: string;
  snapshotDir: string;
  /** Queries that run at once, each on a connection of its own. */
  connections: number;
  /** Queries that may wait for a connection. */
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
    connections: whole(env, 'QUERY_CONNECTIONS', 4),
    queueLimit: whole(env, 'QUERY_QUEUE', 256),
    threads: whole(env, 'QUERY_THREADS', 2),
    memoryLimit: env.QUERY_MEMORY ?? '512MB',
    spillLimit: env.QUERY_SPILL ?? '1GB',
    timeoutMs: whole(env, 'QUERY_TIMEOUT_MS', 30_000),
    streamTimeoutMs: whole(env, 'STREAM_TIMEOUT_MS', 600_000),
    maxRows: whole(env, 'QUERY_MAX_ROWS', 100_000),
    bodyLimit: whole(env, 'BODY_LIMIT', 262_144),
    answerLimit: whole(env, 'ANSWER_LIMIT', 67_108_864),
  };
}
