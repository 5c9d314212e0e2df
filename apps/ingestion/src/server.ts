import { mkdir } from 'node:fs/promises';
import { type ServerOptions, createServer } from '@stack/http-server';
import type { FastifyInstance } from 'fastify';
import { routes } from './api/routes';
import { Asking } from './connectors/ask';
import { Connectors } from './connectors/installed';
import { seed } from './seed';
import { settingsFromEnvironment } from './settings';
import { Database } from '@stack/postgres/client';
import { Jobs } from './store/jobs';
import { MIGRATIONS } from './store/migrations';
import { Objects } from './store/objects';
import { Queue } from './sync/queue';
import { Warehouse } from './warehouse/warehouse';

export interface Ingestion {
  server: FastifyInstance;
  /** Ends the jobs under way, which go on at the next start; the server itself is closed before. */
  stop: () => Promise<void>;
}

/** The server with its queue at work, ready to listen. Everything comes from the environment. */
export async function createIngestion(
  env: NodeJS.ProcessEnv = process.env,
  options: ServerOptions = {},
): Promise<Ingestion> {
  const settings = settingsFromEnvironment(env);
  const server = createServer({ bodyLimit: 4 * 1024 * 1024, ...options });
  const database = await Database.open(settings.databaseUrl, MIGRATIONS, (error) =>
    server.log.warn({ err: error }, 'a connection to PostgreSQL was lost'),
  );
  const objects = new Objects(database);
  const jobs = new Jobs(database);
  const asking = new Asking(new Connectors(settings.connectorDirs), settings.jobsDir, settings.lineLimit);
  const warehouse = new Warehouse({
    path: settings.warehousePath,
    socket: settings.socket,
    memoryMb: settings.loadMemoryMb,
    spill: settings.jobsDir,
  });
  await mkdir(settings.jobsDir, { recursive: true });
  const queue = new Queue({ settings, jobs, objects, asking, warehouse }, server.log);
  await queue.start();
  // Without its connector the demonstration is missing, and all else works.
  const seeded = seed(objects, asking, settings).catch((error: unknown) =>
    server.log.error({ err: error }, 'the connection "faker" could not be made'),
  );
  routes(server, { settings, objects, jobs, asking, queue, seeded });
  return {
    server,
    stop: async () => {
      await queue.stop();
      await database.close();
    },
  };
}
