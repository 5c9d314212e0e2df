import { type FSWatcher, watch } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import { answerNotFound, createServer, type ServerOptions } from '@stack/http-server';
import { SnapshotReader, snapshotFromEnvironment } from '@stack/snapshot';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { dataDocs } from './data-docs';
import { SiteData, type SiteManifest } from './site-data';
import { readSourceQueries, type SourceQuery } from './sources';
import { WAITING_PAGE } from './waiting-page';

export interface EvidenceServer {
  server: FastifyInstance;
  /** Stops following snapshots; the server itself is closed before. */
  stop: () => Promise<void>;
}

/**
 * The pages may talk to this server only: whatever Evidence, a component or a reader's data would fetch from elsewhere,
 * the browser refuses. DuckDB runs in the browser as WebAssembly in a worker, and compiles its row readers by `eval`.
 */
const CONTENT_SECURITY_POLICY = [
  `default-src 'self'`,
  `script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval'`,
  `style-src 'self' 'unsafe-inline'`,
  `img-src 'self' data: blob:`,
  `font-src 'self' data:`,
  `worker-src 'self' blob:`,
  `frame-ancestors 'none'`,
].join('; ');

const FOREVER = 'public, max-age=31536000, immutable';

export interface EvidenceOptions extends ServerOptions {
  /** Makes the data anew when a source query is edited. @default false */
  watch?: boolean;
}

/** Milliseconds of quiet after an edit: editors save in several steps. */
const QUIET = 100;

/**
 * Serves the built site, and the data of the newest snapshot under `/data`. Everything comes from the environment.
 *
 * @param siteDir the site as Evidence built it: `index.html`, `_app/…`
 * @param sourcesDir the site's source queries
 */
export async function createEvidenceServer(
  siteDir: string,
  sourcesDir: string,
  env: NodeJS.ProcessEnv = process.env,
  { watch: watching = false, ...options }: EvidenceOptions = {},
): Promise<EvidenceServer> {
  await access(join(siteDir, 'index.html')).catch(() => {
    throw new Error(`the site is not built (no index.html in ${siteDir}): run \`npx nx build evidence\``);
  });
  const server = createServer({
    ...options,
    notFound: (request, reply) => {
      // Any address without a file name is a page; which one, the browser decides.
      const path = request.url.split('?')[0] ?? '/';
      const isPage = request.method === 'GET' && !path.startsWith('/data/') && !/\.[a-z0-9]+$/i.test(path);
      return isPage ? page(reply) : answerNotFound(request, reply);
    },
  });
  const { lake, store, pollMs } = snapshotFromEnvironment(env, { indexes: false });
  const data = new SiteData(join(store.dir, 'site-data'), await readSourceQueries(sourcesDir), server.log);
  let manifest: SiteManifest = { renderedFiles: {} };
  const reader = new SnapshotReader({
    lake,
    store,
    pollMs,
    log: server.log,
    // The pages see the new snapshot from here on, all of it: they read the manifest first.
    use: async (snapshot) => void (manifest = await data.make(snapshot)),
  });
  await mkdir(data.dir, { recursive: true, mode: 0o700 });
  await reader.start();
  const watcher =
    watching &&
    watchSources(sourcesDir, server.log, async (queries) => {
      data.take(queries);
      if (reader.snapshot) manifest = await data.make(reader.snapshot);
    });

  server.addHook('onSend', async (_request, reply) => {
    void reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
    void reply.header('referrer-policy', 'same-origin');
  });
  server.get('/health', async (_request, reply) => {
    void reply.header('cache-control', 'no-store');
    const published = reader.snapshot?.manifest;
    return {
      status: 'ok',
      snapshot: { id: published?.id ?? null, publishedAt: published?.publishedAt ?? null },
      problem: reader.problem ?? null,
    };
  });
  server.get('/data/manifest.json', async (_request, reply) => {
    void reply.header('cache-control', 'no-store');
    return manifest;
  });
  await server.register(fastifyStatic, {
    root: data.dir,
    prefix: '/data/',
    index: false,
    setHeaders: (reply) => void reply.header('cache-control', FOREVER),
  });
  await server.register(fastifyStatic, {
    root: siteDir,
    decorateReply: false,
    index: false,
    setHeaders: (reply, path) => {
      void reply.header('cache-control', path.includes('/_app/immutable/') ? FOREVER : 'no-cache');
    },
  });
  await dataDocs(server, lake);
  const page = async (reply: FastifyReply): Promise<FastifyReply> => {
    void reply.header('cache-control', 'no-store');
    if (!reader.snapshot?.manifest) return reply.type('text/html; charset=utf-8').send(WAITING_PAGE);
    return reply.sendFile('index.html', siteDir);
  };
  server.get('/', (_request, reply) => page(reply));
  return {
    server,
    stop: async () => {
      if (watcher) watcher.close();
      await reader.stop();
    },
  };
}

function watchSources(
  dir: string,
  log: FastifyInstance['log'],
  use: (queries: SourceQuery[]) => Promise<void>,
): FSWatcher {
  let timer: NodeJS.Timeout | undefined;
  return watch(dir, { recursive: true }, () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      readSourceQueries(dir)
        .then(use)
        .catch((error: unknown) => log.warn(error instanceof Error ? error.message : String(error)));
    }, QUIET);
  });
}
