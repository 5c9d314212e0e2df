/**
 * Builds the Evidence site into `dist/apps/evidence-site/{site,sources}`: installs its own packages when their lock file or
 * patches changed (Evidence needs a Svelte and a Vite of its own), then builds the pages, without data and without
 * network.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const site = join(here, 'site');
const out = join(here, '../../dist/apps/evidence-site');
const installed = join(site, 'node_modules/.installed-from');

const env = {
  ...process.env,
  // One page for every route: the data comes at run time, so nothing can be rendered now.
  VITE_EVIDENCE_SPA: 'true',
  // Evidence tells its makers of each build unless this says no.
  SEND_ANONYMOUS_USAGE_STATS: 'no',
  // A large nursery: otherwise a fifth of the build is garbage collection.
  NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --max-old-space-size=4096 --max-semi-space-size=64`,
};

/** Runs a program quietly, saying every fifteen seconds that it still does; ends the build with its last lines when it fails. */
async function run(what, command, args) {
  const started = Date.now();
  const seconds = () => `${((Date.now() - started) / 1000).toFixed(0)} s`;
  const ticking = setInterval(() => console.log(`evidence: … ${what} (${seconds()})`), 15_000);
  const child = spawn(command, args, { cwd: site, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (log += chunk));
  const problem = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (status) => resolve(status === 0 ? undefined : `exit status ${status}`));
  });
  clearInterval(ticking);
  if (problem) {
    console.error(log.trim().split('\n').slice(-40).join('\n'));
    console.error(`evidence: ${what} failed (${problem}), its last lines are above`);
    process.exit(1);
  }
  console.log(`evidence: ✔ ${what} (${seconds()})`);
}

function lockHash() {
  const patches = readdirSync(join(site, 'patches')).sort();
  const files = ['package-lock.json', '.npmrc', ...patches.map((name) => join('patches', name))];
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update(readFileSync(join(site, file)));
  return hash.digest('hex');
}

const wanted = lockHash();
if (!existsSync(installed) || readFileSync(installed, 'utf8') !== wanted) {
  // No scripts of packages: the one that is needed (patch-package) follows by name.
  await run('installing packages', 'npm', [
    'ci',
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
  ]);
  await run('patching packages', process.execPath, [
    'node_modules/patch-package/index.js',
    '--error-on-fail',
  ]);
  writeFileSync(installed, wanted);
}

// Evidence copies over what was there; files of an earlier build must not stay.
for (const old of [
  'build',
  '.evidence/template/build',
  '.evidence/template/src',
  '.evidence/template/sources',
  '.evidence/template/static/data',
]) {
  rmSync(join(site, old), { recursive: true, force: true });
}
await run('building the site', process.execPath, ['node_modules/@evidence-dev/evidence/cli.js', 'build']);
if (!existsSync(join(site, 'build/index.html'))) {
  console.error(
    'evidence: the build left no index.html; see it with: cd apps/evidence/site && npm run build -- --debug',
  );
  process.exit(1);
}
for (const [from, to] of [
  ['build', 'site'],
  ['sources', 'sources'],
]) {
  rmSync(join(out, to), { recursive: true, force: true });
  cpSync(join(site, from), join(out, to), { recursive: true });
}
