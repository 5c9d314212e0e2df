import websocket from '@fastify/websocket';
import type { Topic } from '@stack/mcp';
import type { FastifyInstance } from 'fastify';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import type { Events, StackEvent } from '../stack/events';
import type { Tokens } from '../tokens';

/** Bytes that may wait for a client that reads slowly; with more it is told to come back. */
const WAITING = 1024 * 1024;
/** Milliseconds between two signs of life. */
const PING = 30_000;
/** Bytes of a message of a client. */
const MESSAGE = 16 * 1024;

const TOPICS = ['health', 'runs', 'quality', 'alerts', 'data'] as const satisfies readonly Topic[];

const subscribe = z.strictObject({
  type: z.literal('subscribe'),
  topics: z.array(z.enum(TOPICS)).min(1).max(TOPICS.length),
  /** Id of the last event that the client has. */
  after: z.number().int().optional(),
});

/**
 * `/events`: what happens, over a WebSocket. A client names topics, and the last event that it has; who reads too slowly is sent away, and comes
 * back with that id.
 */
export async function eventRoutes(
  server: FastifyInstance,
  events: Events,
  tokens: Tokens,
  /** Who listens now. */
  followers: Set<object>,
): Promise<void> {
  await server.register(websocket, { options: { maxPayload: MESSAGE } });
  server.get<{ Querystring: { token?: string } }>(
    '/events',
    {
      websocket: true,
      onRequest: async (request) => {
        // A browser's WebSocket can't send the header.
        const [scheme, given] = (request.headers.authorization ?? '').split(' ');
        request.access = await tokens.find(scheme?.toLowerCase() === 'bearer' ? given : request.query.token);
      },
    },
    (socket, request) => {
      const { expiresAt } = request.access;
      const follower = new Follower(socket, events);
      followers.add(follower);
      socket.on('message', (data: Buffer) => follower.receive(data.toString()));
      const alive = setInterval(() => socket.ping(), PING);
      const end =
        expiresAt === undefined
          ? undefined
          : setTimeout(
              () => socket.close(4401, 'the token has expired'),
              Math.min(expiresAt * 1_000 - Date.now(), 2 ** 31 - 1),
            );
      socket.on('close', () => {
        clearInterval(alive);
        clearTimeout(end);
        follower.stop();
        followers.delete(follower);
      });
      // What is wrong with the connection ends it; there is nobody to tell.
      socket.on('error', () => undefined);
    },
  );
}

class Follower {
  private topics = new Set<Topic>();
  private off?: () => void;

  constructor(
    private readonly socket: WebSocket,
    private readonly events: Events,
  ) {}

  receive(text: string): void {
    let asked: z.infer<typeof subscribe>;
    try {
      asked = subscribe.parse(JSON.parse(text));
    } catch (error) {
      const detail = error instanceof z.ZodError ? error.issues[0].message : 'this is no JSON';
      return this.send({
        type: 'error',
        code: 'invalid_message',
        detail,
        remedy: `send {"type":"subscribe","topics":["runs"]}; topics are ${TOPICS.join(', ')}`,
      });
    }
    this.topics = new Set(asked.topics);
    const missed = asked.after === undefined ? [] : this.events.after(asked.after);
    this.send({ type: 'subscribed', topics: asked.topics, lastId: this.events.lastId });
    if (missed === undefined)
      this.send({
        type: 'gap',
        detail: `events after ${asked.after} are no longer kept`,
        remedy: 'look at what is now: stack_status, runs_list',
      });
    for (const event of missed ?? []) this.tell(event);
    this.off ??= this.events.on((event) => this.tell(event));
  }

  stop(): void {
    this.off?.();
  }

  private tell(event: StackEvent): void {
    if (this.topics.has(event.topic)) this.send({ type: 'event', ...event });
  }

  private send(message: object): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    if (this.socket.bufferedAmount > WAITING) {
      this.stop();
      this.socket.close(4429, 'too slow: come back with the last id');
      return;
    }
    this.socket.send(JSON.stringify(message));
  }
}
