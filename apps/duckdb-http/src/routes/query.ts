import { RequestError } from '@stack/http-server';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Grant } from '../access/grant';
import { tellable } from '../access/tellable';
import { AnswerStream } from '../answer-stream';
import { audit, outcomeOf } from '../audit';
import type { Database } from '../database';
import { type FormatName, FORMATS, STREAMED } from '../formats';
import type { Parameters } from '../parameters';
import { type CachedAnswer, etagOf } from '../result-cache';
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
export async function queryRoutes(server: FastifyInstance, reading: Reading): Promise<void> {
  const { databases, reader, settings, metrics, cache, usage } = reading;
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
    const { grant } = request;
    void reply.header('vary', 'accept, authorization').header('cache-control', 'private, no-cache');
    const { signal, end, progress } = limits(reply, settings, grant);
    const stream = new AnswerStream(reply, signal, progress, grant.maxBytes);
    const audited = audit(request, sql, format, usage, settings.audit);
    try {
      return await metrics.measure(format, () =>
        databases.use(async (database) => {
          const { stable } = await database.check({ sql, grant });
          const { snapshot } = database;
          const etag = stable
            ? etagOf(snapshot.manifest?.id, sql, params, format, maxRows, grant.maxRows, grant.maxBytes)
            : undefined;
          if (etag) {
            void reply.header('etag', etag);
            if (request.method === 'GET' && isNamed(etag, request.headers['if-none-match'])) {
              audited.end('not_modified');
              return reply.code(304).send();
            }
          }
          void reply.header('x-snapshot', snapshot.manifest?.id ?? 'none');
          const made = (etag && cache.get(etag)) ?? (await make(database));
          if (made) {
            if (etag) cache.set(etag, made);
            audited.end('ok', made.rows, made.bytes.length);
            return reply.type(made.type).send(made.bytes);
          }
          audited.end('ok', undefined, stream.bytes);
          return reply;
        }),
      );
    } catch (error) {
      const told = tellable(error, grant);
      audited.end(outcomeOf(told));
      if (stream.fail(told)) return reply;
      throw reader.snapshot?.manifest ? told : nothingPublished(told);
    } finally {
      end();
    }

    /** @returns undefined when it is sent already */
    async function make(database: Database): Promise<CachedAnswer | undefined> {
      if (format === 'json') {
        const most = Math.min(maxRows ?? Infinity, settings.maxRows, grant.maxRows ?? Infinity);
        const { rows, columns, rowCount, truncated } = await database.query({
          sql,
          params,
          maxRows: most,
          signal,
          grant,
        });
        const snapshot = describeSnapshot(database.snapshot);
        const rest = JSON.stringify({ rowCount, truncated, snapshot, elapsedMs: audited.elapsed() });
        const bytes = Buffer.concat([
          Buffer.from(`{"columns":${JSON.stringify(columns)},"rows":`),
          rows,
          Buffer.from(`,${rest.slice(1)}`),
        ]);
        stream.checkSize(bytes.length);
        return { type: 'application/json; charset=utf-8', bytes, rows: rowCount };
      }
      const form = STREAMED[format];
      void reply.type(form.mediaType);
      const query = { sql, params, maxRows, rowLimit: grant.maxRows, signal, grant };
      await database.stream(query, form, (bytes) => stream.write(bytes));
      const bytes = stream.end();
      return bytes && { type: form.mediaType, bytes };
    }
  }
}

/** Whether `If-None-Match` has the tag: in a list, weak or not, or as `*` (RFC 9110). */
function isNamed(etag: string, header = ''): boolean {
  const tags = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(etag);
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
  grant: Grant,
): { signal: AbortSignal; end: () => void; progress: () => void } {
  const controller = new AbortController();
  const late = (): void => controller.abort('timeout');
  const most = grant.timeoutMs ?? Infinity;
  const timers = [
    setTimeout(late, Math.min(timeoutMs, most)),
    setTimeout(late, Math.min(Math.max(timeoutMs, streamTimeoutMs), most)),
  ];
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
