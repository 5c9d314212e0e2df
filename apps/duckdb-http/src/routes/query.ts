import accepts from '@fastify/accepts';
import { RequestError } from '@stack/http-server';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AnswerStream } from '../answer-stream';
import { type FormatName, FORMATS, STREAMED } from '../formats';
import type { Parameters } from '../parameters';
import type { Settings } from '../settings';
import { GET_QUERY, POST_QUERY } from './schemas';
import { describeSnapshot, type Reading } from './reading';

interface Asked {
  sql: string;
  params?: Parameters;
  maxRows?: number;
  format?: FormatName;
}

/** The same in an address. */
interface Link {
  sql: string;
  params?: string;
  maxRows?: string;
  format?: FormatName;
}

/** `POST` and `GET /v1/query`. */
export async function queryRoutes(
  server: FastifyInstance,
  { databases, reader, settings, metrics }: Reading,
): Promise<void> {
  await server.register(accepts);

  server.post<{ Body: Asked }>('/v1/query', { schema: POST_QUERY }, async (request, reply) =>
    answer(request, reply, request.body),
  );

  server.get<{ Querystring: Link }>('/v1/query', { schema: GET_QUERY }, async (request, reply) => {
    const { sql, params, maxRows, format } = request.query;
    return answer(request, reply, {
      sql,
      format,
      params: params === undefined ? undefined : parseParams(params),
      maxRows: maxRows === undefined ? undefined : Number(maxRows),
    });
  });

  async function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    { sql, params = [], maxRows, format = wanted(request) }: Asked,
  ): Promise<unknown> {
    const started = performance.now();
    void reply.header('vary', 'accept');
    const { signal, end, progress } = limits(reply, settings);
    const stream = new AnswerStream(reply, signal, progress);
    try {
      return await metrics.measure(format, () =>
        databases.use(async (database) => {
          const snapshot = describeSnapshot(database.snapshot);
          const log = (rows?: number): number => {
            const elapsedMs = Math.round((performance.now() - started) * 1000) / 1000;
            request.log.debug({ snapshot: snapshot.id, format, rows, elapsedMs }, 'query');
            return elapsedMs;
          };
          if (format === 'json') {
            const most = Math.min(maxRows ?? settings.maxRows, settings.maxRows);
            const gathered = await database.query({ sql, params, maxRows: most, signal });
            return { ...gathered, snapshot, elapsedMs: log(gathered.rowCount) };
          }
          const form = STREAMED[format];
          void reply.type(form.mediaType).header('x-snapshot', snapshot.id ?? 'none');
          await database.stream({ sql, params, maxRows, signal }, form, (bytes) => stream.write(bytes));
          stream.end();
          log();
          return reply;
        }),
      );
    } catch (error) {
      if (stream.fail(error)) return reply;
      throw reader.snapshot?.manifest ? error : nothingPublished(error);
    } finally {
      end();
    }
  }
}

function parseParams(text: string): Parameters {
  const isParameter = (value: unknown): boolean =>
    value === null || ['string', 'number', 'boolean'].includes(typeof value);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value === 'object' && value !== null && Object.values(value).every(isParameter)) {
    return value as Parameters;
  }
  throw new RequestError(400, 'invalid_params', 'params is no list or object of plain values, as JSON', {
    remedy: 'send params=["JFK", 1] for ? and $1, params={"name": 1} for $name',
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
