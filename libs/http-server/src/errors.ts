import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';

/** The content type of such a body. */
const PROBLEM = 'application/problem+json; charset=utf-8';

/** The body of every answer that isn't a success: problem details as RFC 9457 has them, and what helps besides. */
export interface Problem {
  /** Always `about:blank`: `code` says more. */
  type: string;
  /** The status in words. */
  title: string;
  status: number;
  /** What is wrong, in a sentence. */
  detail: string;
  /** Stable, for programs: `unauthorized`. */
  code: string;
  /** What mends it. */
  remedy: string;
  /** Where in the request, if that is known: an offset in characters from 0. */
  position?: number;
  /** Names that are like one that isn't known, the likest first. */
  nearest?: string[];
}

/** The caller's mistake, or a state that the caller should know of. */
export class RequestError extends Error {
  override name = 'RequestError';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: {
      remedy: string;
      position?: number;
      nearest?: string[];
      headers?: Record<string, string>;
    },
  ) {
    super(message);
  }
}

/** What Fastify itself refuses, in this project's words. */
const FASTIFY: Record<string, { code: string; remedy: string }> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { code: 'body_too_large', remedy: 'send less at once' },
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
    const { headers, ...more } = error.details;
    void reply.headers(headers ?? {});
    return send(reply, error.status, error.code, error.message, more);
  }
  const status = error.statusCode ?? 500;
  if (status < 500) {
    const known = FASTIFY[error.code] ?? { code: 'bad_request', remedy: 'see the README of this service' };
    const tooLarge = error.code === 'FST_ERR_CTP_BODY_TOO_LARGE';
    const what = ('validation' in error && explained(error)) || {
      detail: tooLarge ? `the body is larger than ${request.routeOptions.bodyLimit} bytes` : error.message,
      remedy: known.remedy,
    };
    return send(reply, status, known.code, what.detail, { remedy: what.remedy });
  }
  request.log.error({ err: error }, 'request failed');
  send(reply, 500, 'internal_error', 'the server failed at this request', { remedy: 'see its log' });
}

/** What a request has that its schema doesn't allow, with what it may have. */
function explained({
  validation,
  validationContext,
}: FastifyError): { detail: string; remedy: string } | undefined {
  const { keyword, params = {}, instancePath = '' } = validation?.[0] ?? {};
  const where = validationContext ?? 'the request';
  const field = instancePath.split('/').slice(1).join('.');
  if (keyword === 'additionalProperties') {
    const detail = `${where}${field && ` ${field}`} has no field ${String(params.additionalProperty)}`;
    return {
      detail,
      remedy: 'correct its name, or leave it out; see the README of this service for the fields',
    };
  }
  if (keyword === 'enum') {
    const values = (params.allowedValues as unknown[]).join(', ');
    return { detail: `${where} ${field} is none of ${values}`, remedy: `send one of ${values}` };
  }
  if (keyword === 'required') {
    const missing = `${field && `${field}.`}${String(params.missingProperty)}`;
    return { detail: `${where} has no ${missing}`, remedy: `send ${missing}` };
  }
  return undefined;
}

export function answerNotFound(request: FastifyRequest, reply: FastifyReply): void {
  const message = `there is no ${request.method} ${request.url.split('?')[0]}`;
  send(reply, 404, 'not_found', message, { remedy: 'see the README of this service for its addresses' });
}

function send(
  reply: FastifyReply,
  status: number,
  code: string,
  detail: string,
  more: Pick<Problem, 'remedy' | 'position' | 'nearest'>,
): void {
  const title = STATUS_CODES[status] ?? 'Error';
  const problem: Problem = { type: 'about:blank', title, status, detail, code, ...more };
  void reply.code(status).type(PROBLEM).send(JSON.stringify(problem));
}
