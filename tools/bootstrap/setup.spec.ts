import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { eventually } from '@stack/testing';

const root = path.resolve(__dirname, '../..');

/** A fresh checkout's files, as far as set-up and make need them, and a folder that is all there is on PATH. */
let checkout: string;
let bin: string;
beforeEach(() => {
  checkout = mkdtempSync(path.join(tmpdir(), 'checkout-'));
  for (const file of ['Makefile', 'package.json', 'package-lock.json', 'pyproject.toml', 'uv.lock', '.npmrc'])
    cpSync(path.join(root, file), path.join(checkout, file));
  cpSync(path.join(root, 'tools/bootstrap/setup.cjs'), path.join(checkout, 'tools/bootstrap/setup.cjs'));
  bin = path.join(checkout, 'bin');
  mkdirSync(bin);
  for (const tool of ['sh', 'make', 'awk', 'git', 'cat', 'mkdir', 'uname']) provide(tool);
});
afterEach(() => rmSync(checkout, { recursive: true, force: true }));

/** Puts a program on PATH: the machine's own, or a script. */
function provide(name: string, script?: string): void {
  const file = path.join(bin, name);
  rmSync(file, { force: true });
  if (script === undefined)
    symlinkSync(spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim(), file);
  else {
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
  }
}

/** What it says on standard error, but for its progress; standard output is for what was asked for. */
function make(target: string, env: Record<string, string> = {}): { status: number | null; lines: string[] } {
  const result = spawnSync('make', [target], {
    cwd: checkout,
    env: { PATH: bin, HOME: checkout, ...env },
    encoding: 'utf8',
  });
  expect(result.stdout).toBe('');
  return {
    status: result.status,
    lines: result.stderr
      .trim()
      .split('\n')
      .filter((line) => line !== '' && !/^(make:|✔ )|^installing .* …/.test(line)),
  };
}

/** The file that is npm. */
const npm = (): string =>
  spawnSync('sh', ['-c', 'readlink -f "$(command -v npm)"'], { encoding: 'utf8' }).stdout.trim();

const python = (version: string) => `case "$1" in -c) echo "${version} $0";; *) exit 1;; esac`;

describe('make on a machine that lacks something says in one line what, and how to mend it', () => {
  it('no Node', () => {
    const { status, lines } = make('setup');
    expect(status).not.toBe(0);
    expect(lines).toEqual([
      '✘ Node 20.19 or newer is needed, and there is no node on PATH',
      expect.stringMatching(/^→ install it/),
    ]);
  });

  it('an old Node', () => {
    provide('node', `exec '${process.execPath}' -r '${checkout}/old.cjs' "$@"`);
    writeFileSync(
      path.join(checkout, 'old.cjs'),
      `Object.defineProperty(process.versions, 'node', { value: '18.20.1' });`,
    );
    const { status, lines } = make('setup');
    expect(status).not.toBe(0);
    expect(lines).toEqual([
      '✘ Node 18.20.1 is too old: 20.19 or newer is needed',
      expect.stringMatching(/^→ /),
    ]);
  });

  it('no Python', () => {
    provide('node', `exec '${process.execPath}' "$@"`);
    const { lines } = make('setup');
    expect(lines).toEqual([
      '✘ Python 3.11 or newer is needed, and there is none on PATH',
      expect.stringMatching(/^→ /),
    ]);
  });

  it('an old Python', () => {
    provide('node', `exec '${process.execPath}' "$@"`);
    provide('python3', python('3.9'));
    expect(make('setup').lines).toEqual([
      "✘ Python 3.9 doesn't fit: 3.11, 3.12 or 3.13 is needed",
      expect.stringMatching(/^→ /),
    ]);
  });

  it('no network', () => {
    provide('node', `exec '${process.execPath}' "$@"`);
    provide('python3', python('3.11'));
    provide('npm', `exec '${process.execPath}' '${npm()}' "$@"`);
    provide('uv', 'case "$1" in --version) echo uv 1;; *) sleep 600;; esac');
    provide('sleep');
    const { status, lines } = make('setup', {
      npm_config_registry: 'http://127.0.0.1:9/',
      npm_config_fetch_retries: '0',
      npm_config_cache: path.join(checkout, 'cache'),
    });
    expect(status).not.toBe(0);
    expect(lines).toEqual([
      "✘ installing npm packages failed: the package registry can't be reached",
      expect.stringMatching(/^→ check the network/),
    ]);
    expect(existsSync(path.join(checkout, '.tools/setup.json'))).toBe(false);
  });

  it("a registry whose certificate nobody vouches for, with Node's own npm", async () => {
    provide('node', `exec '${process.execPath}' "$@"`);
    provide('python3', python('3.11'));
    provide('npm', `exec '${process.execPath}' '${npm()}' "$@"`);
    provide('uv', 'case "$1" in --version) echo uv 1;; *) exec sleep 600;; esac');
    provide('sleep');
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => path.join(checkout, name));
    const made = spawnSync('openssl', [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert],
      ...['-subj', '/CN=registry', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1'],
    ]);
    expect(String(made.error ?? made.stderr)).not.toMatch(/ENOENT|rror/);
    const program = `require('https').createServer({ key: fs.readFileSync('${key}'), cert: fs.readFileSync('${cert}') }, (q, r) => r.end('{}'))
      .listen(0, '127.0.0.1', function () { process.stdout.write(String(this.address().port)); });`;
    const registry = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const port = String(await new Promise((resolve) => registry.stdout.once('data', resolve))).trim();
      const url = `https://127.0.0.1:${port}/x/-/x-1.0.0.tgz`;
      const project = { name: 'checkout', version: '1.0.0', dependencies: { x: '1.0.0' } };
      const packages = { '': project, 'node_modules/x': { version: '1.0.0', resolved: url } };
      writeFileSync(path.join(checkout, 'package.json'), JSON.stringify(project));
      writeFileSync(
        path.join(checkout, 'package-lock.json'),
        JSON.stringify({ ...project, lockfileVersion: 3, requires: true, packages }),
      );
      const { lines } = make('setup', {
        npm_config_registry: `https://127.0.0.1:${port}/`,
        npm_config_fetch_retries: '0',
        npm_config_cache: path.join(checkout, 'cache'),
      });
      expect(lines).toEqual([
        expect.stringMatching(/^✘ installing npm packages failed: .* certificate isn't trusted/),
        expect.stringMatching(/^→ give its certificate: NODE_EXTRA_CA_CERTS=/),
      ]);
    } finally {
      registry.kill();
    }
  });

  it('a quote in the path of the checkout', () => {
    provide('node', `exec '${process.execPath}' "$@"`);
    const odd = path.join(checkout, "it's here");
    cpSync(path.join(checkout, 'tools'), path.join(odd, 'tools'), { recursive: true });
    const { status, stderr } = spawnSync(process.execPath, ['tools/bootstrap/setup.cjs'], {
      cwd: odd,
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^✘ the path of this folder has a quote[^]*→ move it/);
  });

  it('an unknown target', () => {
    const { status, lines } = make('deploy');
    expect(status).not.toBe(0);
    expect(lines).toEqual(["✘ there is no target 'deploy'", '→ make help lists them']);
  });
});

describe('set-up', () => {
  it('that is interrupted leaves nothing running that writes into the checkout', async () => {
    provide('node', `exec '${process.execPath}' "$@"`);
    provide('python3', python('3.11'));
    provide('npm', `echo $$ > '${checkout}/pids'; sleep 600 & echo $! >> '${checkout}/pids'; wait`);
    provide('uv', 'case "$1" in --version) echo uv 1;; *) exec sleep 600;; esac');
    provide('sleep');
    const setup = spawn(process.execPath, ['tools/bootstrap/setup.cjs'], {
      cwd: checkout,
      env: { PATH: bin, HOME: checkout },
      stdio: 'ignore',
    });
    const ended = new Promise<number | null>((resolve) => setup.on('exit', resolve));
    const pids = () =>
      existsSync(path.join(checkout, 'pids'))
        ? readFileSync(path.join(checkout, 'pids'), 'utf8').trim().split('\n').map(Number)
        : [];
    await eventually(() => expect(pids()).toHaveLength(2));
    setup.kill('SIGINT');
    expect(await ended).toBe(130);
    for (const pid of pids()) await eventually(() => expect(runs(pid)).toBe(false));
  });

  it('is done anew for Python when the checkout has another place', () => {
    provide('node', `exec '${process.execPath}' "$@"`);
    provide('python3', python('3.11'));
    provide('npm', 'exit 0');
    provide(
      'uv',
      'case "$1" in --version) echo uv 1;; *) mkdir -p .venv/bin .venv/lib; echo "$PWD" > .venv/bin/python;; esac',
    );
    const installed = (folder: string) => readFileSync(path.join(folder, '.venv/bin/python'), 'utf8').trim();
    expect(make('setup')).toEqual({ status: 0, lines: [] });
    expect(installed(checkout)).toBe(checkout);
    const moved = `${checkout}-moved`;
    renameSync(checkout, moved);
    checkout = moved;
    bin = path.join(moved, 'bin');
    provide('mkdir');
    expect(make('setup')).toEqual({ status: 0, lines: [] });
    expect(installed(moved)).toBe(moved);
  });
});

/** Whether a process goes on; one that only waits to be asked for its status doesn't. */
function runs(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim() !== '' && !stdout.trim().startsWith('Z');
}
