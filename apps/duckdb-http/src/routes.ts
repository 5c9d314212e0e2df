import { RequestError } from '@stack/http-server';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { LocalSnapshot, Rotation, SnapshotReader } from '@stack/snapshot';
import { authorize } from './authorize';
import type { Database } from './database';
import type { Parameters } from './parameters';
import type { Settings } from './settings';

interface QueryBody {
  sql: string;
  params?: Parameters;
  maxRows?: number;
}

const QUERY_SCHEMA = {
  body: {
    type: 'object',
    required: ['sql'],
    additionalProperties: false,
    properties: {
      sql: { type: 'string', minLength: 1 },
      params: {
        anyOf: [
          { type: 'array', items: { type: ['string', 'number', 'boolean', 'null'] } },
          { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean', 'null'] } },
        ],
      },
      maxRows: { type: 'integer', minimum: 1 },
    },
  },
};

export interface Reading {
  databases: Rotation<Database>;
  reader: SnapshotReader;
  settings: Settings;
}

/** What a browser that was sent here is told. */
const GUIDE = {
  service: 'duckdb-http: SQL on the newest published snapshot, read-only',
  endpoints: {
    'POST /v1/query': '{"sql": "…", "params": […], "maxRows": 1000}',
    'GET /v1/tables': 'the tables, their columns and rows',
    'GET /v1/snapshot': 'which snapshot answers, and how old it is',
    'GET /health': 'needs no token',
  },
  token: 'Authorization: Bearer <token>, which `make -s secret s=duckdb-http k=token` prints',
};

/** `GET /` and `GET /health` without a token; `/v1/…` with. */
export function routes(server: FastifyInstance, { databases, reader, settings }: Reading): void {
  server.get('/', async () => GUIDE);

  server.get('/health', async () => ({
    status: 'ok',
    snapshot: describe(reader.snapshot),
    ageSeconds: age(reader.snapshot),
    // Why the newest snapshot isn't in use, if so; the one in use keeps answering.
    problem: reader.problem ?? null,
  }));

  server.register(async (v1) => {
    v1.addHook('onRequest', authorize(settings.apiToken));

    v1.post<{ Body: QueryBody }>('/v1/query', { schema: QUERY_SCHEMA }, async (request, reply) => {
      const started = performance.now();
      const { sql, params = [], maxRows = settings.maxRows } = request.body;
      const { signal, end } = limits(reply, settings.timeoutMs);
      try {
        return await databases.use(async (database) => {
          const answer = await database.query({
            sql,
            params,
            maxRows: Math.min(maxRows, settings.maxRows),
            answerLimit: settings.answerLimit,
            signal,
          });
          const elapsedMs = Math.round((performance.now() - started) * 1000) / 1000;
          request.log.debug(
            { snapshot: database.snapshot.manifest?.id, rows: answer.rowCount, elapsedMs },
            'query',
          );
          return { ...answer, snapshot: describe(database.snapshot), elapsedMs };
        });
      } catch (error) {
        throw reader.snapshot?.manifest ? error : nothingPublished(error);
      } finally {
        end();
      }
    });

    v1.get('/v1/tables', async () => ({
      tables: databases.value?.tables ?? [],
      snapshot: describe(databases.value?.snapshot),
    }));

    v1.get('/v1/snapshot', async () => {
      const snapshot = databases.value?.snapshot;
      return { ...describe(snapshot), runId: snapshot?.manifest?.runId ?? null, ageSeconds: age(snapshot) };
    });
  });
}

/** Before the first publish a table that isn't known isn't the caller's mistake. */
function nothingPublished(error: unknown): unknown {
  if (!(error instanceof RequestError) || !/Table with name .* does not exist/.test(error.message))
    return error;
  return new RequestError(400, 'nothing_published', 'nothing is published yet, so there are no tables', {
    remedy: 'run the pipeline: make pipeline',
  });
}

/** A signal that aborts when the time is up or the caller has gone. */
function limits(reply: FastifyReply, timeoutMs: number): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort('timeout'), timeoutMs);
  const gone = (): void => {
    if (!reply.raw.writableFinished) controller.abort('gone');
  };
  reply.raw.once('close', gone);
  return {
    signal: controller.signal,
    end: () => {
      clearTimeout(timer);
      reply.raw.off('close', gone);
    },
  };
}

function describe(snapshot: LocalSnapshot | undefined): { id: string | null; publishedAt: string | null } {
  return { id: snapshot?.manifest?.id ?? null, publishedAt: snapshot?.manifest?.publishedAt ?? null };
}

function age(snapshot: LocalSnapshot | undefined): number | null {
  if (!snapshot?.manifest) return null;
  return Math.max(0, Math.round((Date.now() - Date.parse(snapshot.manifest.publishedAt)) / 1000));
}
