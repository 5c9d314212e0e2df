/** Builds the SQL page into `dist/apps/duckdb-http-page`: its types are checked, its scripts and styles made one file each. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = join(dirname(fileURLToPath(import.meta.url)), 'page');
const out = join(here, '../../../dist/apps/duckdb-http-page');

execFileSync('npx', ['tsc', '-p', here], { stdio: 'inherit' });
rmSync(out, { recursive: true, force: true });
await build({
  entryPoints: ['main.ts', 'style.css'].map((file) => ({ in: join(here, file), out: 'page' })),
  outdir: out,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  logLevel: 'warning',
});
copyFileSync(join(here, 'index.html'), join(out, 'index.html'));
