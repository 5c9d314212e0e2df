import { RequestError } from '@stack/http-server';

/** An error of the engine, as its setting `errors_as_json` writes it. */
interface EngineError {
  exception_type: string;
  exception_message: string;
  position?: string;
  /** Names like the one that isn't known, with commas. */
  candidates?: string;
}

/** Kinds that say something about this server, not about the SQL. */
const OURS = new Set(['INTERNAL', 'FATAL', 'IO', 'Connection', 'Serialization']);

/**
 * Turns what the engine threw into the answer for the caller. Anything unknown stays as it is: a failure of ours.
 *
 * @param shift characters that stood before the caller's SQL
 */
export function fromEngine(error: unknown, shift = 0): unknown {
  if (error instanceof RequestError) return error;
  if ((error as { code?: unknown } | null)?.code === 'ERR_STRING_TOO_LONG') {
    return new RequestError(413, 'answer_too_large', 'a value of the answer takes more than 512 MB', {
      remedy: 'read it in parts, with substring(…)',
    });
  }
  const found = parse(error);
  if (!found || OURS.has(found.exception_type)) return error;
  if (found.exception_type === 'Out of Memory') {
    return new RequestError(413, 'query_too_large', 'the query needs more memory than one may have here', {
      remedy: 'aggregate earlier, select fewer columns, or raise QUERY_MEMORY',
    });
  }
  if (found.exception_type === 'Permission') {
    return new RequestError(403, 'not_allowed', found.exception_message, {
      remedy: 'read the tables of GET /v1/tables',
    });
  }
  const position = found.position === undefined ? undefined : Number(found.position) - shift;
  const nearest = candidates(found);
  const where = position === undefined ? 'correct the SQL' : 'correct the SQL at the position';
  return new RequestError(400, 'invalid_sql', `${found.exception_type} Error: ${found.exception_message}`, {
    remedy: nearest ? `${where}: is it ${nearest.join(', ')}?` : where,
    position,
    nearest,
  });
}

/** Nobody reads it; the log and the metrics name it. */
export const clientGone = (): RequestError =>
  new RequestError(499, 'client_gone', 'the caller closed the connection', { remedy: 'ask again' });

/** Some errors have the names as a field, others only in their last line: `Candidate bindings: "a", "b"`. */
function candidates({ candidates: field, exception_message: message }: EngineError): string[] | undefined {
  if (field) return field.split(',');
  const list = /Candidate \w+:(.*)$/.exec(message)?.[1];
  const names = [...(list ?? '').matchAll(/"((?:[^"]|"")*)"/g)].map(([, name]) =>
    name!.replaceAll('""', '"'),
  );
  return names.length > 0 ? names : undefined;
}

export function isInterrupt(error: unknown): boolean {
  return parse(error)?.exception_type === 'INTERRUPT';
}

function parse(error: unknown): EngineError | undefined {
  const message = String((error as { message?: unknown } | null)?.message);
  // Some come with a prefix: `Parser Error: {…}`.
  const start = message.indexOf('{"exception_type"');
  if (start < 0) return undefined;
  try {
    return JSON.parse(message.slice(start)) as EngineError;
  } catch {
    return undefined;
  }
}
