import { join } from 'node:path';
import { required, whole } from '@stack/http-server';

/** What the environment sets; the table in README.md has the same names and defaults. */
export interface Settings {
  databaseUrl: string;
  apiToken: string;
  /** The model that build-model.mjs built. */
  modelFile: string;
  /** The page that build-page.mjs built. */
  pageDir: string;
  /** Bytes of the largest request: the client sends batches of up to 15 MB. */
  bodyLimit: number;
}

/** @throws Error naming the variable */
export function settingsFromEnvironment(env: NodeJS.ProcessEnv = process.env): Settings {
  const dir = env.CATALOG_MODEL_DIR ?? join(__dirname, '../catalog-model');
  return {
    databaseUrl: required(env, 'DATABASE_URL'),
    apiToken: required(env, 'API_TOKEN'),
    modelFile: join(dir, 'model.json'),
    pageDir: env.CATALOG_PAGE_DIR ?? join(__dirname, '../catalog-page'),
    bodyLimit: whole(env, 'BODY_LIMIT', 25_165_824),
  };
}
