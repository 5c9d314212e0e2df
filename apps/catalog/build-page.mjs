import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { buildPage } from '@stack/page/build.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const worker = createRequire(import.meta.url).resolve('elkjs/lib/elk-worker.min.js');

await buildPage(path('page'), path('../../dist/apps/catalog-page'), [worker]);
