import { lstatSync, mkdirSync } from 'node:fs';
import * as path from 'node:path';
import { type PlanContext, type ProcessPlan, StackError } from '@stack/model';
import { ENVIRONMENT, identitiesOf, weed } from './weed';

export async function planObjectStore(context: PlanContext): Promise<ProcessPlan> {
  const data = context.volume('data');
  const blobs = path.join(data, 'blobs');
  mkdirSync(blobs, { recursive: true });
  const identities = context.write(
    path.join(data, 's3.json'),
    identitiesOf(
      (name) => context.secret(`${name}KeyId`),
      (name) => context.secret(`${name}Key`),
    ),
    0o600,
  );
  refuseForeignSockets(context);
  return {
    command: context.executable('weed'),
    args: weed({
      dir: blobs,
      ip: '127.0.0.1',
      'ip.bind': '127.0.0.1',
      'master.port': context.port('master'),
      'master.port.grpc': context.port('masterGrpc'),
      'volume.port': context.port('volume'),
      'volume.port.grpc': context.port('volumeGrpc'),
      'filer.port': context.port('filer'),
      'filer.port.grpc': context.port('filerGrpc'),
      's3.port': context.port('s3'),
      's3.port.grpc': context.port('s3Grpc'),
      's3.config': identities,
    }),
    cwd: data,
    env: ENVIRONMENT,
    sources: [identities],
    // Its orderly end waits 15 s for its own streams to close. Blobs and metadata are written through before a client
    // gets its answer, so nothing is lost by ending it sooner.
    stopTimeout: 1_000,
  };
}

/** SeaweedFS makes sockets at fixed places below /tmp and leaves them there; those of another user it can't replace, and hangs. */
function refuseForeignSockets(context: PlanContext): void {
  const uid = process.getuid?.();
  if (!uid) return;
  const names = ['filer', 's3'].map((name) => `${name}-${context.port(name)}`);
  const grpc = ['master', 'volume', 'filer', 's3'].map(
    (name) => `${name}-grpc-${context.port(`${name}Grpc`)}`,
  );
  for (const name of [...names, ...grpc]) {
    const socket = `/tmp/seaweedfs-${name}.sock`;
    const owner = lstatSync(socket, { throwIfNoEntry: false })?.uid;
    if (owner !== undefined && owner !== uid)
      throw new StackError(
        'FOREIGN_SOCKET',
        `${socket} was left by another user (uid ${owner}), so SeaweedFS can't start`,
        `sudo rm -f /tmp/seaweedfs-*.sock, or give another port: PORT_OBJECT_STORE_S3=…`,
      );
  }
}
