import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { destination } from 'pino';
import { answerError, answerNotFound, RequestError } from './errors';
import { guard } from './guard';

export interface ServerOptions {
  /** Largest body taken, in bytes. @default 1 MiB */
  bodyLimit?: number;
  /** Host names that requests may name, besides this machine's own. @default `ALLOWED_HOSTS`, split at commas */
  allowedHosts?: readonly string[];
  /** Origins, such as `https://dashboards.example`, whose pages may call this server. @default none */
  allowedOrigins?: readonly string[];
  /** @default `LOG_LEVEL`, else `info` */
  logLevel?: string;
  /** Answers what no route does. @default 404 */
  notFound?: (request: FastifyRequest, reply: FastifyReply) => unknown;
}

export interface ListenOptions {
  /** @default `HOST`, else `127.0.0.1` */
  host?: string;
  /** @default `PORT` */
  port?: number;
  /** Called on SIGTERM and SIGINT when the requests under way have ended. */
  onStop: () => Promise<void>;
  /** How long requests under way may go on after the signal, in milliseconds. @default 5000 */
  graceMs?: number;
}

/** Milliseconds from a connection's first byte to the end of a request's headers, and of its body. */
const [HEADERS_TIMEOUT, REQUEST_TIMEOUT] = [15_000, 60_000];

/** Lines of the log go out together: bytes that are enough to write at once, and milliseconds after which fewer do. */
const [LOG_BYTES, LOG_DELAY] = [4_096, 200];

/** A Fastify with the guard, the errors and the log of this stack. */
export function createServer(options: ServerOptions = {}): FastifyInstance {
  const server = Fastify({
    bodyLimit: options.bodyLimit ?? 1024 * 1024,
    // Health probes come every second: no two lines for each; what matters is logged by who knows it.
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: 'idle',
    // A caller that sends byte by byte holds nothing for long.
    requestTimeout: REQUEST_TIMEOUT,
    http: { headersTimeout: HEADERS_TIMEOUT, connectionsCheckingInterval: 5_000 },
    // `//x` is `/x`: some clients join addresses carelessly.
    rewriteUrl: ({ url = '/' }) => url.replace(/^[^?]*/, (path) => path.replace(/\/{2,}/g, '/')),
    // A field of the wrong type or with an unknown name is a mistake to tell, not to mend in silence.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allowUnionTypes: true } },
    logger: {
      stream: destination({ dest: 1, sync: false, minLength: LOG_BYTES, periodicFlush: LOG_DELAY }),
      level: options.logLevel ?? process.env.LOG_LEVEL ?? 'info',
      // Never the headers: they carry the token.
      serializers: { req: (request) => ({ method: request.method, url: request.url.split('?')[0] }) },
    },
  });
  const allowedHosts = options.allowedHosts ?? fromEnvironment(process.env.ALLOWED_HOSTS);
  server.addHook('onRequest', guard(allowedHosts, options.allowedOrigins));
  server.addHook('onRequest', async (_request, reply) => {
    void reply.header('x-content-type-options', 'nosniff');
  });
  takeUtf8Only(server);
  server.setErrorHandler(answerError);
  server.setNotFoundHandler(options.notFound ?? answerNotFound);
  return server;
}

/** JSON is UTF-8. What isn't would be read with other characters in its place. */
function takeUtf8Only(server: FastifyInstance): void {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeContentTypeParser('application/json');
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    let text: string;
    try {
      text = decoder.decode(body as Buffer);
    } catch {
      const remedy = 'send the body as UTF-8';
      return done(new RequestError(400, 'invalid_utf8', 'the body is not UTF-8', { remedy }));
    }
    parse(request, text, done);
  });
}

/** Listens, and stops on SIGTERM or SIGINT: no new requests, those under way end, then `onStop`, then the process. */
export async function listen(server: FastifyInstance, options: ListenOptions): Promise<string> {
  const port = options.port ?? portFromEnvironment(process.env.PORT);
  const stop = async (signal: string): Promise<void> => {
    server.log.info({ signal }, 'stopping');
    const timer = setTimeout(() => {
      server.log.warn({}, 'requests still under way after the grace period: cut off');
      process.exit(1);
    }, options.graceMs ?? 5_000);
    await server.close();
    await options.onStop();
    clearTimeout(timer);
    process.exit(0);
  };
  process.once('SIGTERM', (signal) => void stop(signal));
  process.once('SIGINT', (signal) => void stop(signal));
  return server.listen({ host: options.host ?? process.env.HOST ?? '127.0.0.1', port });
}

function fromEnvironment(list: string | undefined): string[] {
  return (list ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
}

function portFromEnvironment(port: string | undefined): number {
  const number = Number(port);
  if (port && Number.isInteger(number) && number >= 0 && number < 65_536) return number;
  throw new Error(`PORT=${port ?? ''}: it takes a port number`);
}
