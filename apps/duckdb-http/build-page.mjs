import { fileURLToPath } from 'node:url';
import { buildPage } from '@stack/page/build.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

await buildPage(path('page'), path('../../dist/apps/duckdb-http-page'));
