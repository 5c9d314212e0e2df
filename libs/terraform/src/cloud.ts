/** Where this checkout keeps what Terraform works with, and where each environment's states are. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import * as path from 'node:path';
import { writeIfChanged } from '@stack/runtime';
import type { Environment } from './environments';

/** States on this machine. */
export interface LocalBackend {
  readonly type: 'local';
}

/** States in a bucket, locked by a file beside each and, for older versions of Terraform, by a table. */
export interface S3Backend {
  readonly type: 's3';
  readonly bucket: string;
  readonly table: string;
  readonly region: string;
  /** Lock by the file only. Default: by both. */
  readonly only?: 'file';
}

export type Backend = LocalBackend | S3Backend;

/** `.cloud/<environment>`: outside of `.stack`, so that no reset of a stack takes production's state away. */
export const cloudDir = (workspace: string, environment: string): string =>
  path.join(workspace, '.cloud', environment);

/** The folder in which Terraform works for one unit. */
export const unitDir = (workspace: string, environment: string, unit: string): string =>
  path.join(cloudDir(workspace, environment), unit);

/**
 * A unit's state on this machine. Not in Terraform's folder: there `init` takes it for one of before it had a backend, and moves it
 * away.
 */
export const localState = (workspace: string, environment: string, unit: string): string =>
  path.join(cloudDir(workspace, environment), 'states', `${unit}.tfstate`);

/** Providers are fetched once for all units. */
export const pluginCache = (workspace: string): string => path.join(workspace, '.cloud', 'plugins');

/** Kept in the repository, so that colleagues and workflows find the states. It names a bucket and a table, nothing secret. */
const backendsFile = (workspace: string) => path.join(workspace, 'infra', 'backends.json');

function readBackends(workspace: string): Record<string, Backend> {
  const file = backendsFile(workspace);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, Backend>) : {};
}

/** Where the environment's states are. Default: on this machine. */
export const readBackend = (workspace: string, environment: string): Backend =>
  readBackends(workspace)[environment] ?? { type: 'local' };

export function writeBackend(workspace: string, environment: string, backend: Backend): void {
  const { [environment]: _before, ...others } = readBackends(workspace);
  const backends = backend.type === 'local' ? others : { ...others, [environment]: backend };
  mkdirSync(path.dirname(backendsFile(workspace)), { recursive: true });
  if (Object.keys(backends).length === 0) rmSync(backendsFile(workspace), { force: true });
  else writeIfChanged(backendsFile(workspace), `${JSON.stringify(backends, null, 2)}\n`);
}

/** What Terraform is told of one state, as a `backend` block or as the `config` of a `terraform_remote_state`. */
function stateConfig(
  workspace: string,
  environment: string,
  unit: string,
  backend: Backend,
): Record<string, unknown> {
  if (backend.type === 'local') return { path: localState(workspace, environment, unit) };
  // An emulator has its own address, and knows no names of buckets in host names.
  const endpoint = process.env.AWS_ENDPOINT_URL;
  return {
    bucket: backend.bucket,
    key: `${environment}/${unit}.tfstate`,
    region: backend.region,
    encrypt: true,
    ...(endpoint && {
      use_path_style: true,
      skip_credentials_validation: true,
      skip_requesting_account_id: true,
      skip_metadata_api_check: true,
    }),
  };
}

/** `backend.tf.json` of one unit: where its state is, and where those are that it reads. */
export function backendConfiguration(
  workspace: string,
  environment: Environment,
  unit: string,
  imports: readonly string[],
  backend: Backend,
): object {
  const config = (of: string) => stateConfig(workspace, environment.name, of, backend);
  const locks =
    backend.type === 's3'
      ? {
          use_lockfile: true,
          ...(backend.only !== 'file' && { dynamodb_table: backend.table }),
        }
      : {};
  return {
    terraform: { backend: { [backend.type]: { ...config(unit), ...locks } } },
    ...(imports.length > 0 && {
      data: {
        terraform_remote_state: Object.fromEntries(
          imports.map((other) => [other, { backend: backend.type, config: config(other) }]),
        ),
      },
    }),
  };
}
