import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

/**
 * Builds a page: its types are checked, `main.ts` and `style.css` made one file each, `page.js` and `page.css`, beside its `index.html`.
 *
 * @param {string} from folder of the page
 * @param {string} out folder that is made anew
 * @param {string[]} files further ones that it serves
 */
export async function buildPage(from, out, files = []) {
  execFileSync('npx', ['tsc', '-p', from], { stdio: 'inherit' });
  rmSync(out, { recursive: true, force: true });
  await build({
    entryPoints: ['main.ts', 'style.css'].map((file) => ({ in: join(from, file), out: 'page' })),
    outdir: out,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
  });
  for (const file of [join(from, 'index.html'), ...files]) cpSync(file, join(out, basename(file)));
}
