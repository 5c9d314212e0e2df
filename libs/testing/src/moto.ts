import { type ChildProcess, spawn } from 'node:child_process';
import * as net from 'node:net';
import * as path from 'node:path';
import { findWorkspace } from '@stack/runtime';
import { eventually } from './wait';

/** Moto's server, which plays AWS: its environment makes AWS's SDK and Terraform talk to it. */
export class Moto {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(): Promise<Moto> {
    const port = await freePort();
    const child = spawn(
      path.join(findWorkspace(), '.venv', 'bin', 'moto_server'),
      ['-H', '127.0.0.1', '-p', String(port)],
      { stdio: 'ignore' },
    );
    const moto = new Moto(`http://127.0.0.1:${port}`, child);
    await eventually(async () => {
      const response = await fetch(`${moto.url}/moto-api/data.json`);
      if (!response.ok) throw new Error(`moto answers ${response.status}`);
    }, 30_000);
    return moto;
  }

  /** What a client needs to talk to it. */
  get env(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL: this.url,
      AWS_ACCESS_KEY_ID: 'moto',
      AWS_SECRET_ACCESS_KEY: 'moto',
      AWS_REGION: 'eu-central-1',
      AWS_DEFAULT_REGION: 'eu-central-1',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
  }

  /** Forgets everything that was made. */
  async reset(): Promise<void> {
    await fetch(`${this.url}/moto-api/reset`, { method: 'POST' });
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill();
    await ended;
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
