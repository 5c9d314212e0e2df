import { rm } from 'node:fs/promises';
import { createServer, type ServerOptions } from '@stack/http-server';
import { Rotation, SnapshotReader, snapshotFromEnvironment } from '@stack/snapshot';
import type { FastifyInstance } from 'fastify';
import { Tokens } from './access/tokens';
import { Database } from './database';
import { Metrics } from './metrics';
import { ResultCache } from './result-cache';
import { routes } from './routes';
import { snapshotAge } from './routes/reading';
import { answersDir } from './sandbox/engine';
import { settingsFromEnvironment } from './settings';
import { Usage } from './usage';

export interface DuckdbHttp {
  server: FastifyInstance;
  /** Stops following snapshots and closes the engine; the server itself is closed before. */
  stop: () => Promise<void>;
}

/** The server with its snapshot in use, ready to listen. Everything comes from the environment. */
export async function createDuckdbHttp(
  env: NodeJS.ProcessEnv = process.env,
  options: ServerOptions = {},
): Promise<DuckdbHttp> {
  const settings = settingsFromEnvironment(env);
  const server = createServer({
    bodyLimit: settings.bodyLimit,
    allowedOrigins: settings.corsOrigins,
    ...options,
  });
  const tokens = await Tokens.open(settings.tokensFile, settings.apiToken, settings.concurrency);
  const usage = await Usage.open(settings.usageFile);
  const cache = new ResultCache(settings.cacheBytes);
  // What a killed predecessor left.
  await rm(answersDir(settings.snapshotDir), { recursive: true, force: true });
  const databases = new Rotation<Database>((database) => database.close());
  const source = snapshotFromEnvironment(env);
  const reader = new SnapshotReader({
    ...source,
    log: server.log,
    // The old one drains by itself: its queries end within the time limit.
    use: async (snapshot) => void databases.swap(await Database.open(snapshot, settings)),
  });
  await reader.start();
  const metrics = new Metrics(() => snapshotAge(reader.snapshot));
  await routes(server, { databases, reader, store: source.store, metrics, settings, tokens, cache, usage });
  return {
    server,
    stop: async () => {
      await usage.close();
      await reader.stop();
      await databases.swap(undefined);
    },
  };
}
