import { type ServerOptions, createServer } from '@stack/http-server';
import { Database } from '@stack/postgres/client';
import type { FastifyInstance } from 'fastify';
import { routes } from './api/routes';
import { Model } from './model/model';
import { settingsFromEnvironment } from './settings';
import { Aspects } from './store/aspects';
import { Events } from './store/events';
import { Export } from './store/export';
import { Indexer } from './store/indexer';
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
  const indexer = new Indexer(database, model);
  await indexer.recover();
  /** What the indexer makes is read when it is made. */
  const indexed: Pick<Database, 'rows'> = {
    rows: async (sql, values) => {
      await indexer.settled();
      return database.rows(sql, values);
    },
  };
  await routes(server, {
    settings,
    model,
    aspects: new Aspects(database, model, indexer),
    events: new Events(database),
    relationships: new Relationships(indexed),
    search: new Search(indexed),
    exported: new Export(database, model),
  });
  return {
    server,
    stop: async () => {
      await indexer.settled().catch(() => undefined);
      await database.close();
    },
  };
}
