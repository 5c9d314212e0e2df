import { delimiter } from 'node:path';
import { required, whole } from '@stack/http-server';

/** What the environment sets; the table in README.md has the same names and defaults. */
export interface Settings {
  databaseUrl: string;
  warehousePath: string;
  /** The supervisor's socket, which leases the warehouse. */
  socket: string;
  clientId: string;
  clientSecret: string;
  /** Seconds that a bearer token is good for. */
  tokenSeconds: number;
  /** Folders with connectors, the first that has one wins. */
  connectorDirs: string[];
  /** A folder for each job under way: configuration, state, staged records. */
  jobsDir: string;
  logsDir: string;
  /** Syncs that run at once. */
  parallel: number;
  /** Attempts at one job, and milliseconds before the second; doubled for each further one. */
  attempts: number;
  backoffMs: number;
  /** Bytes of the longest line that a connector may write. */
  lineLimit: number;
  /** Bound on DuckDB's memory while loading, in megabytes; long lines get more. */
  loadMemoryMb: number;
}

/** @throws Error naming the variable */
export function settingsFromEnvironment(env: NodeJS.ProcessEnv = process.env): Settings {
  return {
    databaseUrl: required(env, 'DATABASE_URL'),
    warehousePath: required(env, 'WAREHOUSE_PATH'),
    socket: required(env, 'STACK_SOCKET'),
    clientId: required(env, 'CLIENT_ID'),
    clientSecret: required(env, 'CLIENT_SECRET'),
    tokenSeconds: whole(env, 'TOKEN_SECONDS', 900),
    connectorDirs: required(env, 'CONNECTORS_PATH').split(delimiter),
    jobsDir: required(env, 'JOBS_DIR'),
    logsDir: required(env, 'LOGS_DIR'),
    parallel: whole(env, 'SYNC_PARALLEL', 2),
    attempts: whole(env, 'SYNC_ATTEMPTS', 3),
    backoffMs: whole(env, 'SYNC_BACKOFF_MS', 2_000),
    lineLimit: whole(env, 'SYNC_LINE_LIMIT', 8_388_608),
    loadMemoryMb: whole(env, 'LOAD_MEMORY_MB', 256),
  };
}
