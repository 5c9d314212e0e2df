/**
 * Builds the Evidence site into `dist/apps/evidence-site/{site,sources}`: installs its own packages when their lock file or
 * patches changed (Evidence needs a Svelte and a Vite of its own), then builds the pages, without data and without
 * network.
 */
import { execFileSync } from 'node:child_process';
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

function run(what, command, args) {
  const started = Date.now();
  try {
    execFileSync(command, args, { cwd: site, env, stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 2 ** 28 });
  } catch (error) {
    const log = `${error.stdout ?? ''}${error.stderr ?? ''}`.trim().split('\n').slice(-40).join('\n');
    console.error(
      `${log}\nevidence: ${what} failed (${error.message.split('\n')[0]}), its last lines are above`,
    );
    process.exit(1);
  }
  console.log(`evidence: ${what}, ${((Date.now() - started) / 1000).toFixed(1)} s`);
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
  run('packages installed', 'npm', ['ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']);
  run('packages patched', process.execPath, ['node_modules/patch-package/index.js', '--error-on-fail']);
  writeFileSync(installed, wanted);
}

// Evidence copies over what was there; files of an earlier build must not stay.
for (const old of [
  'build',
  '.evidence/template/build',
  '.evidence/template/src',
  '.evidence/template/sources',
]) {
  rmSync(join(site, old), { recursive: true, force: true });
}
run('site built', process.execPath, ['node_modules/@evidence-dev/evidence/cli.js', 'build']);
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
