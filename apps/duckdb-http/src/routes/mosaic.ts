import websocket from '@fastify/websocket';
import { RequestError } from '@stack/http-server';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { authorize } from '../access/authorize';
import type { Grant } from '../access/grant';
import { tellable } from '../access/tellable';
import { audit, outcomeOf } from '../audit';
import { MosaicClient, type MosaicRequest, Places } from '../mosaic/client';
import { MOSAIC } from './schemas';
import type { Reading } from './reading';

/** Milliseconds after which a client over HTTP, which says no goodbye, counts as gone. */
const IDLE = 600_000;

/** Requests of one WebSocket that may wait. */
const WAITING = 1_000;

/** Mosaic's protocol at `/`, over HTTP and WebSocket; the token comes in the header, or as `?token=`. */
export async function mosaicRoutes(server: FastifyInstance, reading: Reading, guide: object): Promise<void> {
  const { settings, tokens, metrics, usage } = reading;
  const places = new Places(settings.workspaces);
  await server.register(websocket, {
    options: { maxPayload: settings.bodyLimit },
    // They would be waited for.
    preClose: (done) => {
      for (const client of server.websocketServer.clients) client.terminate();
      server.websocketServer.close(done);
    },
  });
  const allowed = authorize(tokens, true);
  // What a browser sees that was sent here needs no token: it tells nothing.
  server.addHook('onRequest', async (request) => {
    if (request.ws || request.method !== 'GET') await allowed(request);
  });

  /** Over HTTP all pages of a token are one client. */
  const clients = new LRUCache<Grant, MosaicClient>({
    max: settings.workspaces,
    ttl: IDLE,
    ttlAutopurge: true,
    updateAgeOnGet: true,
    dispose: (client) => client.close(),
  });
  server.addHook('onClose', async () => clients.clear());
  const clientOf = (grant: Grant): MosaicClient => {
    const found = clients.get(grant);
    if (found) return found;
    const client = new MosaicClient(reading, places, grant);
    clients.set(grant, client);
    return client;
  };

  server.post<{ Body: MosaicRequest }>('/', { schema: MOSAIC }, async (request, reply) => {
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort('gone'));
    const answer = await run(clientOf(request.grant), request, request.body, gone.signal);
    if (!answer) return reply.send();
    return reply.type(TYPES[request.body.type]).send(answer);
  });

  server.route({
    method: 'GET',
    url: '/',
    schema: { hide: true },
    handler: async (request, reply) => {
      if (request.accepts().type(['json', 'html']) === 'html') {
        return reply.redirect(`/sql/${/\?.*$/.exec(request.url)?.[0] ?? ''}`);
      }
      return guide;
    },
    wsHandler: (socket, request) => {
      const gone = new AbortController();
      const client = new MosaicClient(reading, places, request.grant);
      let waiting = 0;
      socket.on('close', () => {
        gone.abort('gone');
        client.close();
      });
      socket.on('error', (error: Error) => request.log.info({ err: error }, 'a WebSocket ended badly'));
      // Answers go out in the order of the requests: Mosaic tells them apart by nothing else.
      let last: Promise<void> = Promise.resolve();
      socket.on('message', (data: Buffer) => {
        if ((waiting += 1) > WAITING) return socket.close(1013, 'too many requests wait');
        const answered = answerTo(client, request, data, gone.signal);
        last = last.then(async () => {
          socket.send(await answered);
          waiting -= 1;
        });
      });
    },
  });

  /** Never rejects: an error is an answer. */
  async function answerTo(
    client: MosaicClient,
    request: FastifyRequest,
    data: Buffer,
    gone: AbortSignal,
  ): Promise<Buffer | string> {
    try {
      // A token that was removed since, or has expired, is refused on a socket that is open, too.
      await allowed(request);
      const asked = parse(data);
      const answer = await run(client, request, asked, gone);
      if (!answer) return '{}';
      return asked.type === 'json' ? answer.toString() : answer;
    } catch (error) {
      return JSON.stringify({ error: messageOf(error, request) });
    }
  }

  async function run(
    client: MosaicClient,
    request: FastifyRequest,
    asked: MosaicRequest,
    gone: AbortSignal,
  ): Promise<Buffer | undefined> {
    const { grant } = request;
    const late = new AbortController();
    const timer = setTimeout(
      () => late.abort('timeout'),
      Math.min(settings.timeoutMs, grant.timeoutMs ?? Infinity),
    );
    const form = `mosaic ${asked.type}`;
    const audited = audit(request, asked.sql, form, usage, settings.audit);
    try {
      const answer = await metrics.measure(form, () =>
        client.answer(asked, AbortSignal.any([gone, late.signal])),
      );
      audited.end('ok', undefined, answer?.length);
      return answer;
    } catch (error) {
      const told = tellable(error, grant);
      audited.end(outcomeOf(told));
      throw told;
    } finally {
      clearTimeout(timer);
    }
  }
}

const TYPES = { arrow: 'application/vnd.apache.arrow.stream', json: 'application/json', exec: 'text/plain' };

function parse(data: Buffer): MosaicRequest {
  let asked: Partial<MosaicRequest> = {};
  try {
    asked = JSON.parse(data.toString()) as MosaicRequest;
  } catch {
    // Told below.
  }
  const { type, sql } = asked;
  if (typeof sql === 'string' && sql !== '' && (type === 'arrow' || type === 'json' || type === 'exec'))
    return { type, sql };
  throw new RequestError(400, 'invalid_request', 'it takes {"type": "arrow"|"json"|"exec", "sql": "…"}', {
    remedy: 'send what Mosaic’s clients send',
  });
}

function messageOf(error: unknown, request: FastifyRequest): string {
  if (error instanceof RequestError) return `${error.message} (${error.code})\n→ ${error.details.remedy}`;
  request.log.error({ err: error }, 'request failed');
  return 'the server failed at this request: see its log';
}
