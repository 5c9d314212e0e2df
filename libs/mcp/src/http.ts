import { ToolError } from './errors';
import type { ToolContext } from './adapter';

export interface Asked {
  /** The unit that is asked, for the words of an error. */
  readonly unit: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a string as it is. */
  readonly body?: unknown;
  /** Milliseconds. @default 30 000 */
  readonly timeoutMs?: number;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const TIMEOUT = 30_000;
/** Bytes of an answer that are read. */
const MOST = 32 * 2 ** 20;

/**
 * Asks a service of the stack over HTTP.
 * @throws ToolError when it can't be reached, saying which one it is and since when, or takes too long
 */
export async function ask(context: ToolContext, url: string, asked: Asked): Promise<Reply> {
  const { unit, method, headers, body, timeoutMs = TIMEOUT } = asked;
  const clock = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(body !== undefined && typeof body !== 'string' && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      signal: AbortSignal.any([context.signal, clock]),
    });
    return { status: response.status, headers: response.headers, text: await read(response, unit) };
  } catch (error) {
    if (error instanceof ToolError) throw error;
    context.signal.throwIfAborted();
    if (clock.aborted)
      throw new ToolError(
        'timeout',
        `${unit} did not answer within ${timeoutMs / 1000} s`,
        'ask for less, or look at it: stack_status, stack_logs',
      );
    const cause = (error as Error & { cause?: { code?: string } }).cause?.code ?? (error as Error).message;
    throw new ToolError('service_down', await context.stack.down(unit, cause), 'call stack_status');
  }
}

async function read(response: Response, unit: string): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    parts.push(Buffer.from(part));
    length += part.length;
    if (length > MOST)
      throw new ToolError(
        'answer_too_large',
        `${unit} answers with more than ${MOST / 2 ** 20} MiB`,
        'ask for less',
      );
  }
  return Buffer.concat(parts).toString();
}

/**
 * The same, with an answer in JSON.
 * @throws ToolError with what the service says, when it refuses
 */
export async function askJson<T>(context: ToolContext, url: string, asked: Asked): Promise<T> {
  const { status, text } = await ask(context, url, asked);
  if (status < 300) return JSON.parse(text) as T;
  throw refusal(asked.unit, status, text);
}

/** What a service's refusal says, in problem details or otherwise. */
export function refusal(unit: string, status: number, text: string): ToolError {
  let said: Partial<Record<'detail' | 'message' | 'code' | 'remedy' | 'position', unknown>> = {};
  try {
    said = JSON.parse(text) as typeof said;
  } catch {
    // not JSON: its first line has to do
  }
  const words = [said.detail, said.message].find((one) => typeof one === 'string') as string | undefined;
  const where = typeof said.position === 'number' ? ` (at character ${said.position}, from 0)` : '';
  const remedy =
    status === 401
      ? `this server's token for it isn't the stack's: npx nx deploy ${unit}, then mcp-server`
      : typeof said.remedy === 'string'
        ? said.remedy
        : 'look at it: stack_logs';
  return new ToolError(
    typeof said.code === 'string' ? said.code : `status_${status}`,
    `${unit}: ${words ?? (text.split('\n')[0].slice(0, 300) || `status ${status}`)}${where}`,
    remedy,
  );
}
