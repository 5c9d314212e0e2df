import type { IncomingMessage } from 'node:http';
import { toNodeHandler, toWebRequest } from '@modelcontextprotocol/node';
import {
  type AuthInfo,
  InMemoryServerEventBus,
  createMcpHandler,
  isLegacyRequest,
} from '@modelcontextprotocol/server';
import { RequestError, type ServerOptions, createServer, listen } from '@stack/http-server';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Core, VERSION, createCore } from './core';
import { Changes } from './protocol/changes';
import { createMcp } from './protocol/server';
import { Sessions } from './protocol/sessions';
import { askRoutes } from './routes/ask';
import { eventRoutes } from './routes/events';
import { restRoutes } from './routes/rest';
import { stateRoutes } from './routes/state';
import { tokenRoutes } from './routes/tokens';
import { settingsFromEnvironment } from './settings';
import { type Grant, Tokens } from './tokens';

declare module 'fastify' {
  interface FastifyRequest {
    /** What the caller's token is good for; set where a token is needed. */
    access: Grant;
  }
}

/** Bytes of a request. */
const BODY = 4 * 2 ** 20;

export interface Http {
  server: FastifyInstance;
  core: Core;
}

/** The server, ready to listen. Everything comes from the environment. */
export async function createHttp(
  env: NodeJS.ProcessEnv = process.env,
  options: ServerOptions = {},
): Promise<Http> {
  const settings = settingsFromEnvironment(env);
  const core = createCore(settings, env);
  const { toolbox, events, watcher } = core;
  const server = createServer({ bodyLimit: BODY, ...options });
  const tokens = new Tokens({
    ...settings.tokens,
    signingKey: settings.signingKey,
    issuer: settings.issuer,
    audience: settings.publicUrl,
  });

  const authorize = async (request: FastifyRequest): Promise<void> => {
    const [scheme, given] = (request.headers.authorization ?? '').split(' ');
    try {
      request.access = await tokens.find(scheme?.toLowerCase() === 'bearer' ? given : undefined);
    } catch (error) {
      if (!(error instanceof RequestError) || error.status !== 401) throw error;
      const metadata = `${addressOf(request, settings.publicUrl)}${METADATA}/mcp`;
      const bad = given ? `error="invalid_token", error_description="${error.message}", ` : '';
      throw new RequestError(401, error.code, error.message, {
        ...error.details,
        headers: { 'www-authenticate': `Bearer ${bad}resource_metadata="${metadata}"` },
      });
    }
  };

  const parts = {
    toolbox,
    version: VERSION,
    log: server.log,
    callerOf: ({ http }: { http?: { authInfo?: AuthInfo } }) => {
      const { clientId = 'nobody', scopes = [] } = http?.authInfo ?? {};
      return { name: clientId, scopes: new Set(scopes) as Grant['scopes'] };
    },
  };
  const bus = new InMemoryServerEventBus();
  const modern = createMcpHandler(() => createMcp(parts), {
    bus,
    legacy: 'reject',
    maxRequestBodySize: BODY,
    onerror: (error) => server.log.warn({ err: error }, 'mcp'),
  });
  const answerModern = toNodeHandler(modern, { maxRequestBodySize: BODY });
  const sessions = new Sessions({
    max: settings.maxSessions,
    idleMs: settings.sessionIdleMs,
    create: () => createMcp(parts),
  });

  /** Both versions of the protocol at one address: who tells its version in each request has no session. */
  const mcp = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const raw = request.raw as IncomingMessage & { auth?: AuthInfo };
    raw.auth = authOf(request);
    const { body } = request;
    if (body instanceof Malformed) return reply.code(400).send(body.answer);
    if (await isLegacyRequest(await toWebRequest(raw, body ?? null), body ?? undefined)) {
      const session = await sessions.of(raw, body, request.access.name);
      await sessions.answer(session, raw, hijacked(reply), body);
      return reply;
    }
    await answerModern(raw, hijacked(reply), body);
    return reply;
  };
  await server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
      try {
        done(null, JSON.parse(text as string));
      } catch {
        done(null, new Malformed());
      }
    });
    scope.route({ method: ['GET', 'POST', 'DELETE'], url: '/mcp', onRequest: authorize, handler: mcp });
  });

  server.get(`${METADATA}/mcp`, async (request) => ({
    resource: `${addressOf(request, settings.publicUrl)}/mcp`,
    ...(settings.issuer && { authorization_servers: [settings.issuer] }),
    bearer_methods_supported: ['header'],
    scopes_supported: ['read', 'operate'],
    resource_name: `Freelancer Data Stack: ${settings.stack}`,
  }));
  stateRoutes(server, core, sessions);
  const followers = new Set<object>();
  await server.register(async (scope) => {
    restRoutes(scope, core, authorize);
    askRoutes(scope, core, settings.ask, authorize);
    tokenRoutes(scope, tokens, authorize);
    await eventRoutes(scope, events, tokens, followers);
  });

  const connected = () => sessions.size > 0 || bus.listenerCount > 0;
  const changes = new Changes(toolbox, connected, async (uris, listChanged) => {
    if (listChanged) modern.notify.resourcesChanged();
    for (const uri of uris) modern.notify.resourceUpdated(uri);
    await sessions.tell(uris, listChanged);
  });
  const off = events.on((event) => changes.after(event));
  watcher.interest = () => followers.size > 0 || sessions.listening || bus.listenerCount > 0;
  watcher.start();
  // Streams that stay open would hold the stop up.
  server.addHook('preClose', async () => {
    watcher.stop();
    off();
    await Promise.all([modern.close(), sessions.close()]);
  });
  return { server, core };
}

/** Serves until it is told to stop. */
export async function serve(): Promise<void> {
  const { server } = await createHttp();
  // All that is to be ended ends with the server.
  await listen(server, { onStop: async () => undefined });
}

const METADATA = '/.well-known/oauth-protected-resource';

/** A body that isn't JSON, which the protocol has an answer for. */
class Malformed {
  readonly answer = {
    jsonrpc: '2.0',
    id: null,
    error: { code: -32700, message: 'Parse error: the body is no JSON' },
  };
}

/** The response itself: the transport of the protocol writes to it. */
function hijacked(reply: FastifyReply): FastifyReply['raw'] {
  reply.hijack();
  return reply.raw;
}

function authOf({ access, headers }: FastifyRequest): AuthInfo {
  return {
    token: (headers.authorization ?? '').split(' ')[1] ?? '',
    clientId: access.name,
    scopes: [...access.scopes],
    expiresAt: access.expiresAt,
  };
}

/** The address that the caller has used, or the one that is made known. */
const addressOf = (request: FastifyRequest, publicUrl?: string): string =>
  publicUrl?.replace(/\/(mcp)?$/, '') ?? `${request.protocol}://${request.host}`;
