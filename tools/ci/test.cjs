'use strict';
/**
 * `make test`: lint, types and specs of every project through Nx (what hasn't changed comes from its cache), then one stack
 * end to end. Ends with the line `N passed, N failed, N skipped`; a skip that tests/allowed-skips.txt doesn't name is a failure.
 */
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const { availableParallelism } = require('node:os');
const path = require('node:path');
const { stripVTControlCharacters } = require('node:util');

const ROOT = path.resolve(__dirname, '..', '..');
/** Specs start real servers: no more at once than the machine has processors. */
const CORES = `--parallel=${availableParallelism()}`;
const RESULTS = path.join(ROOT, 'test-results');
const REASON_LINES = 12;

/** Runs Nx; true when everything went well. */
function nx(...args) {
  return spawnSync('npx', ['nx', ...args], { cwd: ROOT, stdio: 'inherit' }).status === 0;
}

/** Tests of one result file of Jest: name and status of each. */
function jestTests(file) {
  const { testResults } = JSON.parse(fs.readFileSync(file, 'utf8'));
  return testResults.flatMap(({ name, assertionResults, message }) => {
    const spec = path.relative(ROOT, name);
    if (assertionResults.length === 0) return [{ name: spec, status: 'failed', message }];
    return assertionResults.map((test) => ({
      name: `${spec}: ${test.fullName}`,
      status: test.status === 'passed' ? 'passed' : test.status === 'failed' ? 'failed' : 'skipped',
      message: test.failureMessages?.join('\n'),
    }));
  });
}

/** Tests of one result file of pytest (JUnit's XML, one element a test). */
function pytestTests(file) {
  const xml = fs.readFileSync(file, 'utf8');
  return [
    ...xml.matchAll(/<testcase classname="([^"]*)" name="([^"]*)"[^>]*?(\/>|>([\s\S]*?)<\/testcase>)/g),
  ].map((match) => ({
    name: `${match[1]}: ${match[2]}`,
    status: /<(failure|error)\b/.test(match[4] ?? '')
      ? 'failed'
      : /<skipped\b/.test(match[4] ?? '')
        ? 'skipped'
        : 'passed',
    message: match[4],
  }));
}

/** The beginning of what a failed test said, and where in our code: the log above is long, and CI keeps little of its end. */
function reasonOf({ message = '' }) {
  const lines = stripVTControlCharacters(message)
    .split('\n')
    .filter((line) => line.trim() && !/^\s+at .*node_modules/.test(line));
  return lines.slice(0, REASON_LINES).map((line) => `    ${line.slice(0, 300)}`);
}

function allowedSkips() {
  return fs
    .readFileSync(path.join(ROOT, 'tests/allowed-skips.txt'), 'utf8')
    .split('\n')
    .filter((line) => line.trim() && !line.startsWith('#'))
    .map((line) => line.split('|')[0].trim());
}

function main() {
  fs.rmSync(RESULTS, { recursive: true, force: true });
  fs.mkdirSync(RESULTS, { recursive: true });
  const steps = [
    [
      'lint, types and specs',
      () => nx('run-many', '-t', 'lint', 'typecheck', 'build', 'test', CORES, '--outputStyle=static'),
    ],
    ['end to end', () => nx('run', 'tests:e2e', '--outputStyle=static')],
  ];
  const failedSteps = steps.filter(([, run]) => !run()).map(([name]) => name);

  const files = fs.readdirSync(RESULTS).map((name) => path.join(RESULTS, name));
  const tests = files.flatMap((file) =>
    file.endsWith('.json') ? jestTests(file) : file.endsWith('.xml') ? pytestTests(file) : [],
  );
  const count = (status) => tests.filter((test) => test.status === status);
  const allowed = allowedSkips();
  const forbidden = count('skipped').filter((test) => !allowed.includes(test.name));
  for (const test of count('failed')) console.log([`✘ ${test.name}`, ...reasonOf(test)].join('\n'));
  for (const test of count('skipped')) console.log(`- skipped: ${test.name}`);
  for (const test of forbidden)
    console.log(
      `✘ skipped without leave: ${test.name} → name it, with the reason, in tests/allowed-skips.txt`,
    );
  // A step that failed without a failed test (lint, types, a build) counts as one failure.
  const silent = failedSteps.length > 0 && count('failed').length === 0 ? failedSteps : [];
  for (const step of silent) console.log(`✘ ${step} failed: see above`);
  const failed = count('failed').length + silent.length + (process.env.CI ? forbidden.length : 0);
  console.log(`\n${count('passed').length} passed, ${failed} failed, ${count('skipped').length} skipped`);
  process.exit(failed > 0 || failedSteps.length > 0 || count('passed').length === 0 ? 1 : 0);
}

main();
