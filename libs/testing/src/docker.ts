/** A Docker engine for tests: the one that DOCKER_HOST names, else one of their own, which needs root. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { eventually } from './wait';

const has = (program: string): boolean => {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** Why there can't be one here; undefined when there can. */
export function noDocker(): string | undefined {
  if (process.env.DOCKER_HOST) return undefined;
  if (process.getuid?.() !== 0) return 'an engine of the tests’ own needs root';
  const missing = ['dockerd', 'docker', 'debootstrap'].filter((program) => !has(program));
  return missing.length > 0 ? `${missing.join(', ')} missing` : undefined;
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

  /** Whether it is ours to kill. */
  get own(): boolean {
    return this.folder !== undefined;
  }

  async startDaemon(): Promise<void> {
    const at = (name: string) => path.join(this.folder as string, name);
    mkdirSync(at('data'), { recursive: true });
    this.daemon = spawn(
      'dockerd',
      ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid'), '--host', this.host],
      { stdio: 'ignore' },
    );
    await eventually(() => this.run('version'), 30_000);
  }

  /** As a crash or a power cut would. */
  async kill(): Promise<void> {
    const { daemon } = this;
    if (!daemon) return;
    const ended = new Promise((done) => daemon.once('exit', done));
    daemon.kill('SIGKILL');
    await ended;
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
    const ended = new Promise((done) => daemon.once('exit', done));
    daemon.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}
