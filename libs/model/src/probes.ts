/**
 * Readiness: a protocol's own answer, not an open port (PostgreSQL accepts connections while it still recovers).
 * Probes are data; the supervisor carries them out.
 */

export type Probe =
  | HttpProbe
  | { readonly type: 'postgres'; readonly port: string }
  | { readonly type: 'redis'; readonly port: string }
  | { readonly type: 'kafka'; readonly port: string }
  | { readonly type: 'grpc'; readonly port: string; readonly service: string };

export interface HttpProbe {
  readonly type: 'http';
  readonly port: string;
  readonly path: string;
  /** Statuses that mean ready. Default: 200–299. */
  readonly status?: readonly number[];
  /** Text that the body must contain. */
  readonly contains?: string;
  /** Name of a number in the JSON answer, seconds since 1970, that must lie after the process's start: a fresh sign of life. */
  readonly since?: string;
  /** Sent as a POST body (JSON) when given. */
  readonly body?: string;
}

/** Ready when `GET path` answers 2xx, or a status of `options.status`. */
export const httpReady = (
  port: string,
  path: string,
  options: Pick<HttpProbe, 'status' | 'contains' | 'since' | 'body'> = {},
): HttpProbe => ({ type: 'http', port, path, ...options });

/** Ready when PostgreSQL asks for authentication, rather than saying that it starts up or recovers. */
export const pgReady = (port: string): Probe => ({ type: 'postgres', port });

/** Ready when the server answers PING, with PONG or by asking for a password; not while it loads its data. */
export const redisReady = (port: string): Probe => ({ type: 'redis', port });

/** Ready when a Kafka broker says which versions of its API it speaks. */
export const kafkaReady = (port: string): Probe => ({ type: 'kafka', port });

/** Ready when gRPC's own health service (`grpc.health.v1.Health/Check`) answers SERVING for the service; '' is the server as a whole. */
export const grpcReady = (port: string, service = ''): Probe => ({ type: 'grpc', port, service });
