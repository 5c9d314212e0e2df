import type { FastifyInstance } from 'fastify';
import { Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { Core } from '../core';
import type { Sessions } from '../protocol/sessions';

/** What the supervisor and Prometheus ask; without a token, as nothing of the data is in it. */
export function stateRoutes(server: FastifyInstance, { toolbox, events }: Core, sessions: Sessions): void {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  gauge('mcp_sessions', 'Sessions of the protocol of 2025', () => sessions.size);
  gauge('mcp_last_event', 'Id of the newest event', () => events.lastId);
  server.get('/health', async () => ({ status: 'ok', tools: toolbox.tools.size, sessions: sessions.size }));
  server.get('/metrics', async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
}
