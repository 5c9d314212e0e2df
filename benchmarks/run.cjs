'use strict';
/** `make bench [only=a,b]`: brings up a stack of its own (STACK=bench) where needed, runs each benchmark, takes the stack down. */
const { spawnSync } = require('node:child_process');
const { existsSync, mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

const root = path.resolve(__dirname, '..');
/** Benchmarks that need a running stack; those that name a Python file run in the environment of its Dagster. */
const inStack = {
  memory: undefined,
  pipeline: 'bench',
  day: 'day',
  inbox: 'inbox',
  publish: 'publish',
  scaling: 'scaling',
};
const all = ['restart', 'deploy', 'docker', 'serve', 'serve-load', 'catalog', ...Object.keys(inStack)];
const only = process.argv[2] ? process.argv[2].split(',') : all;
const unknown = only.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`✘ there is no benchmark ${unknown.join(', ')}\n→ choose from ${all.join(', ')}`);
  process.exit(1);
}
const home = mkdtempSync(path.join(tmpdir(), 'stack-bench-'));
const env = { ...process.env, STACK: 'bench', STACK_HOME: home, STACK_BENCH: '1', NX_TUI: 'false' };
const run = (command, ...args) => spawnSync(command, args, { cwd: root, env, stdio: 'inherit' }).status === 0;
const script = (name, ...args) =>
  run(
    process.execPath,
    ...['-r', path.join(__dirname, 'typescript.cjs'), path.join(__dirname, `${name}.ts`)],
    ...args,
  );

let good =
  existsSync(path.join(__dirname, 'node_modules', 'pm2')) ||
  run('npm', 'ci', '--prefix', 'benchmarks', '--no-audit', '--no-fund');
try {
  for (const name of only) {
    console.log(`\n== ${name}`);
    if (name === 'restart') good = run('npx', 'nx', 'build', 'supervisor', '--outputStyle=static') && good;
    if (name.startsWith('serve'))
      good = run('npx', 'nx', 'build', 'duckdb-http', '--outputStyle=static') && good;
    if (name === 'catalog')
      good =
        run('npx', 'nx', 'run-many', '-t', 'build', '-p', 'catalog,supervisor', '--outputStyle=static') &&
        good;
    if (name in inStack) good = run('npx', 'nx', 'run-many', '-t', 'deploy', '--outputStyle=static') && good;
    if (name === 'scaling') {
      const own = path.join(root, '.tools', 'uv', 'bin', 'uv');
      good = run(existsSync(own) ? own : 'uv', 'sync', '--quiet', '--frozen', '--group', 'bench') && good;
    }
    good = (inStack[name] ? script('in-stack', inStack[name]) : script(name)) && good;
  }
} finally {
  run(process.execPath, 'tools/cli/bin/stack.cjs', 'down');
  rmSync(home, { recursive: true, force: true });
}
process.exit(good ? 0 : 1);
