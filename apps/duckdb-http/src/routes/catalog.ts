import { RequestError } from '@stack/http-server';
import { identifier } from '@stack/snapshot';
import type { FastifyInstance } from 'fastify';
import { mayReadAll } from '../access/grant';
import { describeSnapshot, type Reading, snapshotAge } from './reading';
import { SNAPSHOT_IN_USE, SNAPSHOTS, TABLE_BY_NAME, TABLES } from './schemas';

/** Rows that are shown of a table. */
const SAMPLE = 10;

/** `GET /v1/tables`, `/v1/tables/{name}`, `/v1/snapshot` and `/v1/snapshots`. */
export async function catalogRoutes(
  server: FastifyInstance,
  { databases, store, settings }: Reading,
): Promise<void> {
  server.get('/v1/tables', { schema: TABLES }, async ({ grant }) => ({
    tables: databases.value?.tablesFor(grant) ?? [],
    snapshot: describeSnapshot(databases.value?.snapshot),
  }));

  server.get<{ Params: { name: string } }>(
    '/v1/tables/:name',
    { schema: TABLE_BY_NAME },
    ({ params: { name }, grant }) =>
      databases.use(async (database) => {
        const table = database.tablesFor(grant).find((one) => one.name === name);
        if (!table && !mayReadAll(grant)) throw unknownTable(name);
        const query = {
          sql: `FROM ${identifier(name)} LIMIT ${SAMPLE}`,
          params: [],
          grant,
          signal: AbortSignal.timeout(settings.timeoutMs),
        };
        // Of a table that isn't there, the engine knows the names that are like it.
        const { rows } = await database.query(query).catch((error: unknown) => {
          throw table ? error : unknownTable(name, error);
        });
        if (!table) throw unknownTable(name);
        const { snapshot } = database;
        return {
          ...table,
          sample: JSON.parse(rows.toString()) as unknown,
          snapshot: describeSnapshot(snapshot),
          ageSeconds: snapshotAge(snapshot),
        };
      }),
  );

  server.get('/v1/snapshot', { schema: SNAPSHOT_IN_USE }, async () => {
    const snapshot = databases.value?.snapshot;
    return {
      ...describeSnapshot(snapshot),
      runId: snapshot?.manifest?.runId ?? null,
      ageSeconds: snapshotAge(snapshot),
    };
  });

  server.get('/v1/snapshots', { schema: SNAPSHOTS }, async () => {
    const inUse = databases.value?.snapshot.manifest?.id;
    const manifests = (await store.list()).flatMap(({ manifest }) => manifest ?? []);
    manifests.sort((a, b) => b.publishedAt.localeCompare(a.publishedAt));
    return {
      snapshots: manifests.map(({ id, publishedAt, runId, tables }) => ({
        id,
        publishedAt,
        runId,
        tables: tables.length,
        rows: tables.reduce((sum, table) => sum + table.rows, 0),
        inUse: id === inUse,
      })),
    };
  });
}

function unknownTable(name: string, error?: unknown): RequestError {
  const nearest = error instanceof RequestError ? error.details.nearest : undefined;
  return new RequestError(404, 'unknown_table', `there is no table ${name}`, {
    remedy: nearest ? `is it ${nearest.join(', ')}?` : 'GET /v1/tables lists the tables',
    nearest,
  });
}
