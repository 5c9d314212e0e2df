import { lstatSync, mkdirSync } from 'node:fs';
import * as path from 'node:path';
import { type PlanContext, type ProcessPlan, StackError } from '@stack/model';

/** Actions that the writer's key allows: everything in every bucket, and making buckets. */
const WRITER = ['Admin', 'Read', 'Write', 'List', 'Tagging'];
const READER = ['Read', 'List'];

export async function planObjectStore(context: PlanContext): Promise<ProcessPlan> {
  const data = context.volume('data');
  const blobs = path.join(data, 'blobs');
  mkdirSync(blobs, { recursive: true });
  const identity = (name: string, actions: readonly string[]) => ({
    name,
    credentials: [{ accessKey: context.secret(`${name}KeyId`), secretKey: context.secret(`${name}Key`) }],
    actions,
  });
  // With identities named, SeaweedFS refuses anonymous clients; without, it would let them write.
  const identities = context.write(
    path.join(data, 's3.json'),
    JSON.stringify({ identities: [identity('writer', WRITER), identity('reader', READER)] }),
    0o600,
  );
  refuseForeignSockets(context);
  const flags: Record<string, string | number> = {
    dir: blobs,
    ip: '127.0.0.1',
    'ip.bind': '127.0.0.1',
    'master.port': context.port('master'),
    'master.port.grpc': context.port('masterGrpc'),
    // There is one master: what it waits for before it elects itself is lost time at each restart (12 s by default).
    'master.electionTimeout': '500ms',
    'master.heartbeatInterval': '100ms',
    // Files of one bucket lie in volumes of their own: small ones, so that a laptop's disk isn't parcelled out.
    'master.volumeSizeLimitMB': 512,
    'volume.port': context.port('volume'),
    'volume.port.grpc': context.port('volumeGrpc'),
    // Zero means what the disk holds, which leaves none for a second bucket on a full one.
    'volume.max': 200,
    'filer.port': context.port('filer'),
    'filer.port.grpc': context.port('filerGrpc'),
    's3.port': context.port('s3'),
    's3.port.grpc': context.port('s3Grpc'),
    // Reports usage to its makers unless told not to.
    'master.telemetry': 'false',
    // Fixed ports otherwise, which a second stack would find taken.
    's3.port.iceberg': 0,
    's3.port.lance': 0,
    's3.config': identities,
  };
  return {
    command: context.executable('weed'),
    args: [
      '-logtostderr',
      'server',
      '-filer',
      '-s3',
      ...Object.entries(flags).map(([name, value]) => `-${name}=${value}`),
    ],
    cwd: data,
    // Volumes that a bucket takes at once; seven by default.
    // The bound is a soft one: after a large upload it would keep the memory for good.
    env: { WEED_MASTER_VOLUME_GROWTH_COPY_1: '1', GOMEMLIMIT: '512MiB', GOGC: '50' },
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
