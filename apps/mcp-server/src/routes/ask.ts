import { RequestError } from '@stack/http-server';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { answer } from '../ask';
import type { Core } from '../core';
import type { AskSettings } from '../settings';

/** Questions at once; each holds a connection to the provider. */
const AT_ONCE = 8;

/** `POST /v1/ask`: a question in words, answered by the user's own model with the tools that only look. Streams events. */
export function askRoutes(
  server: FastifyInstance,
  { toolbox }: Core,
  settings: AskSettings | undefined,
  authorize: (request: FastifyRequest) => Promise<void>,
): void {
  let open = 0;
  server.post<{ Body: { question: string } }>(
    '/v1/ask',
    {
      onRequest: authorize,
      schema: {
        body: {
          type: 'object',
          required: ['question'],
          additionalProperties: false,
          properties: { question: { type: 'string', minLength: 1, maxLength: 8_000 } },
        },
      },
    },
    async (request, reply) => {
      if (!settings)
        throw new RequestError(501, 'ask_off', 'no model is set up to answer questions', {
          remedy:
            'set ASK_PROVIDER (anthropic, openai, ollama) and ASK_MODEL in .env, put the key into the file that docs/mcp.md names, and deploy',
        });
      if (open >= AT_ONCE)
        throw new RequestError(503, 'too_many_questions', `${open} questions are being answered`, {
          remedy: 'ask again in a while',
          headers: { 'retry-after': '10' },
        });
      open += 1;
      const gone = new AbortController();
      const { raw } = reply.hijack();
      raw.once('close', () => gone.abort());
      raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      });
      raw.flushHeaders();
      try {
        for await (const { event, ...told } of answer(
          request.body.question,
          settings,
          toolbox,
          request.access,
          gone.signal,
        )) {
          if (gone.signal.aborted) break;
          // Who reads slowly is waited for.
          if (!raw.write(`event: ${event}\ndata: ${JSON.stringify(told)}\n\n`))
            await new Promise((resolve) => raw.once('drain', resolve).once('close', resolve));
        }
      } catch (error) {
        request.log.error({ err: error }, 'a question failed');
      } finally {
        open -= 1;
        raw.end();
      }
    },
  );
}
