import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node';
import { type AuthInfo, type McpServer, isInitializeRequest } from '@modelcontextprotocol/server';
import { RequestError } from '@stack/http-server';
import { Subscriptions } from './changes';
import { SessionEvents } from './event-store';

export interface Session {
  readonly transport: NodeStreamableHTTPServerTransport;
  readonly server: McpServer;
  readonly subscriptions: Subscriptions;
  /** Name of the token that began it: nobody else goes on with it. */
  readonly owner: string;
  used: number;
  /** Requests and streams under way. */
  open: number;
}

export interface SessionsOptions {
  readonly max: number;
  readonly idleMs: number;
  create(): McpServer;
}

/** Sessions of the protocol of 2025-11-25 and before: each has a server of its own, and streams that can be resumed. */
export class Sessions {
  private readonly sessions = new Map<string, Session>();
  private readonly sweeper: NodeJS.Timeout;

  constructor(private readonly options: SessionsOptions) {
    this.sweeper = setInterval(() => void this.sweep(), Math.min(options.idleMs, 60_000));
    this.sweeper.unref();
  }

  get size(): number {
    return this.sessions.size;
  }

  /**
   * The session that a request names, or a new one that it begins.
   * @throws RequestError when there is no such session, or no room for another
   */
  async of({ headers }: IncomingMessage, body: unknown, owner: string): Promise<Session> {
    const id = headers['mcp-session-id'];
    const session = typeof id === 'string' ? this.sessions.get(id) : await this.begin(body, owner);
    if (session?.owner === owner) return session;
    throw new RequestError(404, 'unknown_session', 'there is no such session, or it was not used for long', {
      remedy: 'begin a new one: `initialize`, without a session id',
    });
  }

  async answer(
    session: Session,
    request: IncomingMessage & { auth?: AuthInfo },
    response: ServerResponse,
    body: unknown,
  ): Promise<void> {
    session.used = Date.now();
    session.open += 1;
    response.once('close', () => {
      session.open -= 1;
      session.used = Date.now();
    });
    await session.transport.handleRequest(request, response, body);
  }

  /** Whether anybody has subscribed to something. */
  get listening(): boolean {
    return [...this.sessions.values()].some(({ subscriptions }) => subscriptions.size > 0);
  }

  async tell(uris: readonly string[], listChanged: boolean): Promise<void> {
    for (const { subscriptions } of [...this.sessions.values()])
      await subscriptions.tell(uris, listChanged).catch(() => undefined);
  }

  async close(): Promise<void> {
    clearInterval(this.sweeper);
    await Promise.all([...this.sessions.values()].map(({ server }) => server.close().catch(() => undefined)));
    this.sessions.clear();
  }

  private async begin(body: unknown, owner: string): Promise<Session> {
    const messages = [body].flat();
    if (!messages.some((message) => isInitializeRequest(message)))
      throw new RequestError(400, 'no_session', 'the request names no session, and begins none', {
        remedy: 'begin with `initialize`, and send its answer’s Mcp-Session-Id with what follows',
      });
    if (this.sessions.size >= this.options.max) await this.sweep();
    if (this.sessions.size >= this.options.max)
      throw new RequestError(503, 'too_many_sessions', `there are ${this.sessions.size} sessions already`, {
        remedy: 'end some (DELETE), wait until idle ones are forgotten, or raise MCP_MAX_SESSIONS',
        headers: { 'retry-after': '60' },
      });
    const server = this.options.create();
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      eventStore: new SessionEvents(),
      onsessioninitialized: (id) => void this.sessions.set(id, session),
      onsessionclosed: (id) => void this.sessions.delete(id),
    });
    const subscriptions = new Subscriptions(server);
    const session: Session = { transport, server, subscriptions, owner, used: Date.now(), open: 0 };
    await server.connect(transport);
    return session;
  }

  /** Forgets those that nobody used for long. */
  private async sweep(): Promise<void> {
    const old = Date.now() - this.options.idleMs;
    for (const [id, { server, used, open }] of this.sessions) {
      if (open > 0 || used > old) continue;
      this.sessions.delete(id);
      await server.close().catch(() => undefined);
    }
  }
}
