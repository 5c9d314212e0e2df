/**
 * Installs Airbyte's connectors, each in a Python environment of its own below `.tools/connectors/`.
 *
 *     node apps/ingestion/connectors.mjs install           what connectors/*.txt lists; nothing if it is there already
 *     node apps/ingestion/connectors.mjs add source-faker  locks the newest version of a connector, then installs it
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const locks = join(here, 'connectors');
const target = join(root, '.tools/connectors');
const python = join(root, '.venv/bin/python');

/** Connectors run with bytecode, which halves their start: what this shell says about it isn't theirs. */
const env = { ...process.env };
delete env.PYTHONDONTWRITEBYTECODE;
delete env.VIRTUAL_ENV;

function fail(message, remedy, lines = []) {
  for (const line of lines) console.error(`  | ${line}`);
  console.error(`✘ ${message}${remedy ? `\n→ ${remedy}` : ''}`);
  process.exit(1);
}

/** uv as set-up left it: from PATH, else in the project's own folder. */
function findUv() {
  const found = ['uv', join(root, '.tools/uv/bin/uv')].find(
    (name) => spawnSync(name, ['--version']).status === 0,
  );
  if (!found || !existsSync(python)) fail("the Python environment isn't installed", 'make setup');
  return found;
}

/** Runs a command, saying every five seconds that it still does; `{ status, stdout, stderr }`. */
async function run(what, command, args) {
  const started = Date.now();
  const seconds = () => `${((Date.now() - started) / 1000).toFixed(0)} s`;
  const ticking = setInterval(() => console.log(`ingestion: … ${what} (${seconds()})`), 5_000);
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const status = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', resolve);
  });
  clearInterval(ticking);
  if (status === 0) console.log(`ingestion: ✔ ${what} (${seconds()})`);
  return { status, stdout, stderr };
}

const last = (text) => text.trim().split('\n').slice(-20);
const offline = /dns error|error sending request|Connection refused|Could not connect|name resolution/i;

async function install(name) {
  const lock = join(locks, `${name}.txt`);
  const folder = join(target, name);
  const stamp = join(folder, '.installed-from');
  const wanted = createHash('sha256').update(folder).update(readFileSync(lock)).digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const uv = findUv();
  mkdirSync(target, { recursive: true });
  rmSync(folder, { recursive: true, force: true });
  const steps = [
    ['venv', '--quiet', '--python', python, folder],
    ['pip', 'sync', '--quiet', '--require-hashes', '--python', join(folder, 'bin/python'), lock],
  ];
  for (const args of steps) {
    const { status, stderr } = await run(
      `${name}: ${args.slice(0, 2).join(' ')}`.replace(' --quiet', ''),
      uv,
      args,
    );
    if (status === 0) continue;
    fail(
      `${name} can't be installed`,
      offline.test(stderr) ? 'check the network, then run the same command again' : undefined,
      last(stderr),
    );
  }
  const program = join(folder, 'bin', name);
  if (!existsSync(program)) fail(`${name}'s package has no command ${name}: it is no connector of this kind`);
  // Its first run shows that it works, leaves its bytecode, and answers what the service would ask it at each start.
  const { status, stdout, stderr } = await run(`${name}: asking for its specification`, program, ['spec']);
  const spec = stdout.split('\n').find((line) => line.includes('"SPEC"'));
  if (status !== 0 || !spec) fail(`${name} doesn't run`, undefined, last(stderr || stdout));
  writeFileSync(join(folder, 'spec.json'), JSON.stringify(JSON.parse(spec).spec));
  const version = readFileSync(lock, 'utf8').match(new RegExp(`^airbyte-${name}==([^\\s;\\\\]+)`, 'm'))?.[1];
  writeFileSync(join(folder, 'version'), version ?? '');
  writeFileSync(stamp, wanted);
}

async function add(name) {
  if (!/^source-[a-z0-9-]+$/.test(name ?? ''))
    fail(
      `which connector? ${name ? `${name} is no name of one` : ''}`.trim(),
      'make connector add=source-faker',
    );
  const lock = join(locks, `${name}.txt`);
  const wanted = join(target, `${name}.in`);
  mkdirSync(target, { recursive: true });
  writeFileSync(wanted, `airbyte-${name}\n`);
  const { status, stderr } = await run(`${name}: choosing versions`, findUv(), [
    ...['pip', 'compile', '--quiet', '--universal', '--generate-hashes', '--no-header', '--no-annotate'],
    ...['--python-version', '3.11', '--output-file', `${lock}.new`, wanted],
  ]);
  rmSync(wanted);
  if (status !== 0) {
    rmSync(`${lock}.new`, { force: true });
    if (/not found in the package registry/.test(stderr))
      fail(
        `there is no connector ${name} on PyPI (package airbyte-${name})`,
        `look for it at https://docs.airbyte.com/integrations/sources; only connectors written in Python are packaged`,
      );
    fail(`${name} can't be locked`, offline.test(stderr) ? 'check the network' : undefined, last(stderr));
  }
  renameSync(`${lock}.new`, lock);
  await install(name);
  console.log(`ingestion: ${name} is installed; commit apps/ingestion/connectors/${name}.txt`);
}

/** What the folder lists, and nothing else: an environment whose lock file is gone goes too. */
async function installAll() {
  const names = readdirSync(locks)
    .filter((file) => file.endsWith('.txt'))
    .map((file) => file.slice(0, -'.txt'.length))
    .sort();
  for (const found of existsSync(target) ? readdirSync(target) : []) {
    if (names.includes(found)) continue;
    rmSync(join(target, found), { recursive: true, force: true });
    console.log(`ingestion: ✔ ${found}: removed, it has no lock file any more`);
  }
  for (const name of names) await install(name);
}

const [command, name] = process.argv.slice(2);
await (command === 'add' ? add(name) : installAll());
