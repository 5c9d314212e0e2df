import type { FastifyRequest } from 'fastify';
import type { Usage } from './usage';

/** Characters of the SQL in a line of the log. */
const AUDITED = 2_000;

/**
 * One line in the log for a query: who asked what, and what came of it. Never the parameters' values. One that was answered is counted.
 *
 * @param isOn whether there is a log
 */
export function audit(
  request: FastifyRequest,
  sql: string,
  format: string,
  usage: Usage,
  isOn: boolean,
): { elapsed: () => number; end: (outcome: string, rows?: number, bytes?: number) => void } {
  const started = performance.now();
  const elapsed = (): number => Math.round((performance.now() - started) * 1000) / 1000;
  return {
    elapsed,
    end: (outcome, rows, bytes) => {
      if (outcome === 'ok' || outcome === 'not_modified') usage.count(request.grant.name, sql);
      if (!isOn) return;
      const shown = sql.length > AUDITED ? `${sql.slice(0, AUDITED)}…` : sql;
      request.log.info(
        {
          token: request.grant.name,
          from: request.ip,
          sql: shown,
          format,
          outcome,
          rows,
          bytes,
          ms: elapsed(),
        },
        'query',
      );
    },
  };
}

/** How a query that failed is counted and logged: the code of its error. */
export const outcomeOf = (error: unknown): string =>
  String((error as { code?: unknown } | null)?.code ?? 'internal_error');
