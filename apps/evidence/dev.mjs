/**
 * The dev server, `nx serve evidence`: Evidence's own (Vite, hot reload) for the pages, and the program that was built for
 * the data of the newest snapshot, which it makes anew when a source query is edited. Runs with the unit's environment.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const site = join(here, 'site');
const host = '127.0.0.1';

const dataPort = await new Promise((resolve, reject) => {
  const probe = createServer().on('error', reject);
  probe.listen(0, host, () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});

// Without one, Evidence tells to make the data by a command of its own.
mkdirSync(join(site, '.evidence/template/static/data'), { recursive: true });
writeFileSync(join(site, '.evidence/template/static/data/manifest.json'), '{"renderedFiles":{}}');

// In groups of their own: Evidence leaves its Vite behind when only it is ended.
const run = (args, cwd, env) =>
  spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });

const children = [
  run([join(here, '../../dist/apps/evidence/main.cjs')], here, {
    HOST: host,
    PORT: String(dataPort),
    // Beside the deployed program's folder: each has its own.
    SNAPSHOT_DIR: `${process.env.SNAPSHOT_DIR}-dev`,
    EVIDENCE_EDITED_SOURCES: join(site, 'sources'),
    LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
  }),
  run(['node_modules/@evidence-dev/evidence/cli.js', 'dev', '--config', '../../vite.dev.js'], site, {
    EVIDENCE_DATA_SERVER: `http://${host}:${dataPort}`,
    NODE_ENV: 'development',
    // As the build has it (build-site.mjs).
    VITE_EVIDENCE_SPA: 'true',
    SEND_ANONYMOUS_USAGE_STATS: 'no',
  }),
];

let ending = false;
const end = (status) => {
  if (ending) return;
  ending = true;
  process.exitCode = status;
  for (const { pid } of children) {
    try {
      process.kill(-pid, 'SIGTERM');
    } catch {
      // It has ended already.
    }
  }
};
for (const child of children) child.on('exit', (status) => end(status ?? 0));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(0));
