import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';

/** The body of every answer that isn't a success. */
export interface ErrorBody {
  error: {
    /** Stable, for programs: `unauthorized`. */
    code: string;
    /** What is wrong, in a sentence. */
    message: string;
    /** What mends it. */
    remedy: string;
    /** Where in the request, if that is known: an offset in characters from 0. */
    position?: number;
  };
}

/** The caller's mistake, or a state that the caller should know of. */
export class RequestError extends Error {
  override name = 'RequestError';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: { remedy: string; position?: number; headers?: Record<string, string> },
  ) {
    super(message);
  }
}

/** What Fastify itself refuses, in this project's words. */
const FASTIFY: Record<string, { code: string; remedy: string }> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'body_too_large', remedy: 'send a smaller body' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'unsupported_media_type',
    remedy: 'send content-type: application/json',
  },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: 'invalid_json', remedy: 'send one JSON object' },
  FST_ERR_CTP_EMPTY_JSON_BODY: { code: 'invalid_json', remedy: 'send one JSON object' },
  FST_ERR_VALIDATION: { code: 'invalid_request', remedy: 'see the README of this service for the fields' },
};

/** The one place that turns an error into an answer. What nobody foresaw is logged, and told to nobody else. */
export function answerError(
  error: FastifyError | RequestError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  if (error instanceof RequestError) {
    const { remedy, position, headers } = error.details;
    void reply
      .code(error.status)
      .headers(headers ?? {})
      .send(body(error.code, error.message, remedy, position));
    return;
  }
  const status = error.statusCode ?? 500;
  if (status < 500) {
    const known = FASTIFY[error.code] ?? { code: 'bad_request', remedy: 'see the README of this service' };
    void reply.code(status).send(body(known.code, error.message, known.remedy));
    return;
  }
  request.log.error({ err: error }, 'request failed');
  void reply.code(500).send(body('internal_error', 'the server failed at this request', 'see its log'));
}

export function answerNotFound(request: FastifyRequest, reply: FastifyReply): void {
  const message = `there is no ${request.method} ${request.url.split('?')[0]}`;
  void reply.code(404).send(body('not_found', message, 'see the README of this service for its addresses'));
}

function body(code: string, message: string, remedy: string, position?: number): ErrorBody {
  return { error: { code, message, remedy, ...(position === undefined ? {} : { position }) } };
}
