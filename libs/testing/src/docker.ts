/** A Docker engine for tests: the one that DOCKER_HOST names, else one of their own, which needs root. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { eventually } from './wait';

const succeeds = (command: string): boolean => {
  try {
    execFileSync('sh', ['-c', command], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** Why there can't be one here; undefined when there can. */
export function noDocker(): string | undefined {
  if (process.env.DOCKER_HOST) return undefined;
  if (process.getuid?.() !== 0) return 'an engine of the tests’ own needs root';
  const missing = ['dockerd', 'docker', 'debootstrap'].filter((name) => !succeeds(`command -v ${name}`));
  if (missing.length > 0) return `${missing.join(', ')} missing`;
  // A container without privileges, for one.
  const may = succeeds('unshare --mount true') && succeeds('iptables --table nat --list --numeric');
  return may ? undefined : 'root may not make namespaces or rules of the firewall here';
}

export class TestDocker {
  private constructor(
    readonly host: string,
    private readonly folder?: string,
    private daemon?: ChildProcess,
  ) {}

  static async start(): Promise<TestDocker> {
    if (process.env.DOCKER_HOST) return new TestDocker(process.env.DOCKER_HOST);
    const folder = mkdtempSync(path.join(tmpdir(), 'docker-'));
    const docker = new TestDocker(`unix://${folder}/docker.sock`, folder);
    await docker.startDaemon();
    return docker;
  }

  /** One of the tests' own, whose disk has no room for more than some images. */
  static async small(megabytes: number): Promise<TestDocker> {
    const folder = mkdtempSync(path.join(tmpdir(), 'docker-'));
    const data = path.join(folder, 'data');
    mkdirSync(data);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', data]);
    const docker = new TestDocker(`unix://${folder}/docker.sock`, folder);
    await docker.startDaemon();
    return docker;
  }

  async startDaemon(): Promise<void> {
    const at = (name: string) => path.join(this.folder as string, name);
    mkdirSync(at('data'), { recursive: true });
    const log = openSync(at('log'), 'a');
    this.daemon = spawn(
      'dockerd',
      ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid'), '--host', this.host],
      { stdio: ['ignore', log, log] },
    );
    closeSync(log);
    await eventually(() => this.run('version'), 30_000).catch((error: unknown) => {
      const lines = readFileSync(at('log'), 'utf8').trim().split('\n').slice(-5);
      throw new Error(`dockerd doesn't start:\n${lines.join('\n')}`, { cause: error });
    });
  }

  /** As a crash would: the daemon and its containerd are gone at once, containers run on. */
  async kill(): Promise<void> {
    const exec = path.join(this.folder as string, 'exec', 'containerd');
    const containerd = Number(readFileSync(path.join(exec, 'containerd.pid'), 'utf8'));
    await end(this.daemon, 'SIGKILL');
    try {
      process.kill(containerd, 'SIGKILL');
    } catch {
      // it ended with the daemon
    }
    for (const left of ['containerd.pid', 'containerd.sock', 'containerd.sock.ttrpc'])
      rmSync(path.join(exec, left), { force: true });
    rmSync(path.join(this.folder as string, 'pid'), { force: true });
  }

  /** The `docker` command's output. */
  run(...args: string[]): string {
    return execFileSync('docker', args, {
      encoding: 'utf8',
      env: { ...process.env, DOCKER_HOST: this.host },
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 2 ** 26,
    });
  }

  async stop(): Promise<void> {
    const { daemon, folder } = this;
    if (!daemon || !folder) return;
    await end(daemon, 'SIGTERM');
    // Mounts that a killed daemon left keep the folder busy.
    succeeds(`grep -o '${folder}[^ ]*' /proc/mounts | sort -r | xargs -r umount --lazy`);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once('exit', done));
  child.kill(signal);
  await ended;
}
