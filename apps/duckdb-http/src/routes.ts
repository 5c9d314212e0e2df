import accepts from '@fastify/accepts';
import { RequestError } from '@stack/http-server';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { LocalSnapshot, Rotation, SnapshotReader } from '@stack/snapshot';
import { AnswerStream } from './answer-stream';
import { authorize } from './authorize';
import type { Database } from './database';
import { type FormatName, FORMATS, STREAMED } from './formats';
import type { Parameters } from './parameters';
import type { Settings } from './settings';

interface QueryBody {
  sql: string;
  params?: Parameters;
  maxRows?: number;
  format?: FormatName;
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
      format: { enum: FORMATS },
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
    'POST /v1/query':
      '{"sql": "…", "params": […], "maxRows": 1000, "format": "json|rows|columns|ndjson|csv|arrow|parquet"}',
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

    await v1.register(accepts);

    v1.post<{ Body: QueryBody }>('/v1/query', { schema: QUERY_SCHEMA }, async (request, reply) => {
      const started = performance.now();
      const { sql, params = [], maxRows, format = wanted(request) } = request.body;
      void reply.header('vary', 'accept');
      const { signal, end, progress } = limits(reply, settings);
      try {
        return await databases.use(async (database) => {
          const { id, publishedAt } = describe(database.snapshot);
          const log = (rows?: number): number => {
            const elapsedMs = Math.round((performance.now() - started) * 1000) / 1000;
            request.log.debug({ snapshot: id, format, rows, elapsedMs }, 'query');
            return elapsedMs;
          };
          if (format === 'json') {
            const answer = await database.query({
              sql,
              params,
              maxRows: Math.min(maxRows ?? settings.maxRows, settings.maxRows),
              signal,
            });
            return { ...answer, snapshot: { id, publishedAt }, elapsedMs: log(answer.rowCount) };
          }
          const form = STREAMED[format];
          void reply.type(form.mediaType).header('x-snapshot', id ?? 'none');
          const answer = new AnswerStream(reply, signal, progress);
          try {
            await database.stream({ sql, params, maxRows, signal }, form, (bytes) => answer.write(bytes));
            answer.end();
            log();
          } catch (error) {
            if (!answer.fail(error)) throw error;
          }
          return reply;
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

/** The format that the request's `Accept` asks for. @default json */
function wanted(request: FastifyRequest): FormatName {
  const types = FORMATS.map((name) => (name === 'json' ? 'application/json' : mediaType(name)));
  const best = request.accepts().type(types);
  const format = FORMATS[types.indexOf(String(best))];
  if (format) return format;
  throw new RequestError(406, 'not_acceptable', 'none of the accepted types is one of this service', {
    remedy: `accept ${[...new Set(types)].join(', ')}, or name the format in the body`,
  });
}

function mediaType(name: Exclude<FormatName, 'json'>): string {
  return STREAMED[name].mediaType.split(';')[0]!;
}

/**
 * A signal that aborts when the time is up or the caller has gone. `progress` gives an answer that streams the time for
 * its next piece.
 */
function limits(
  reply: FastifyReply,
  { timeoutMs, streamTimeoutMs }: Settings,
): { signal: AbortSignal; end: () => void; progress: () => void } {
  const controller = new AbortController();
  const late = (): void => controller.abort('timeout');
  const timers = [setTimeout(late, timeoutMs), setTimeout(late, Math.max(timeoutMs, streamTimeoutMs))];
  const gone = (): void => {
    if (!reply.raw.writableFinished) controller.abort('gone');
  };
  reply.raw.once('close', gone);
  return {
    signal: controller.signal,
    progress: () => void timers[0]!.refresh(),
    end: () => {
      timers.forEach(clearTimeout);
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
