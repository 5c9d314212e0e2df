import { type ServerOptions, createServer } from '@stack/http-server';
import { Database } from '@stack/postgres/client';
import type { FastifyInstance } from 'fastify';
import { routes } from './api/routes';
import { Model } from './model/model';
import { settingsFromEnvironment } from './settings';
import { Aspects } from './store/aspects';
import { Events } from './store/events';
import { Export } from './store/export';
import { MIGRATIONS } from './store/migrations';
import { Relationships } from './store/relationships';
import { Search } from './store/search';

export interface Catalog {
  server: FastifyInstance;
  /** Closes the database; the server itself is closed before. */
  stop: () => Promise<void>;
}

/** The server, ready to listen. Everything comes from the environment. */
export async function createCatalog(
  env: NodeJS.ProcessEnv = process.env,
  options: ServerOptions = {},
): Promise<Catalog> {
  const settings = settingsFromEnvironment(env);
  const server = createServer({ bodyLimit: settings.bodyLimit, ...options });
  const model = Model.load(settings.modelFile);
  const database = await Database.open(settings.databaseUrl, MIGRATIONS, (error) =>
    server.log.warn({ err: error }, 'a connection to PostgreSQL was lost'),
  );
  routes(server, {
    settings,
    model,
    aspects: new Aspects(database, model),
    events: new Events(database),
    relationships: new Relationships(database),
    search: new Search(database),
    exported: new Export(database, model),
  });
  return { server, stop: () => database.close() };
}
