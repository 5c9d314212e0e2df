import { Lake } from './lake';
import { SnapshotStore, type StoreOptions } from './store';

/**
 * The lake and the store that the environment names.
 *
 * | variable | meaning | default |
 * |---|---|---|
 * | `SNAPSHOT_DIR` | folder of the local snapshots | required |
 * | `LAKE_BUCKET` | bucket of the lake | required |
 * | `LAKE_S3_ENDPOINT` | URL of the S3 API | AWS |
 * | `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` | as in every AWS SDK | region `us-east-1` |
 * | `SNAPSHOT_POLL_MS` | how often the lake is asked, milliseconds | 1000 |
 */
export function snapshotFromEnvironment(
  env: NodeJS.ProcessEnv = process.env,
  options: StoreOptions = {},
): {
  lake: Lake;
  store: SnapshotStore;
  pollMs: number;
} {
  const pollMs = Number(env.SNAPSHOT_POLL_MS ?? 1_000);
  if (!Number.isInteger(pollMs) || pollMs < 10) {
    throw new Error(`SNAPSHOT_POLL_MS=${env.SNAPSHOT_POLL_MS}: it takes whole milliseconds, 10 or more`);
  }
  return {
    lake: new Lake({
      endpoint: env.LAKE_S3_ENDPOINT,
      bucket: required(env, 'LAKE_BUCKET'),
      region: env.AWS_REGION,
    }),
    store: new SnapshotStore(required(env, 'SNAPSHOT_DIR'), options),
    pollMs,
  };
}

function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (!value) throw new Error(`the environment variable ${name} is not set: \`stack\` sets it on deploy`);
  return value;
}
