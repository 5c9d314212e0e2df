import * as path from 'node:path';
import {
  Client,
  type ClientOptions,
  StreamableHTTPClientTransport,
  type Transport,
} from '@modelcontextprotocol/client';
import { StdioClientTransport, getDefaultEnvironment } from '@modelcontextprotocol/client/stdio';
import { TestStack } from '@stack/testing';
import { mcpServer } from '../service';

/** The protocol's version before the current one, which begins with `initialize`, and the current one. */
export const ERAS = { '2025-11-25': {}, '2026-07-28': { versionNegotiation: { mode: 'auto' } } } as const;
export type Era = keyof typeof ERAS;

export const overHttp = (url: string, token: string): StreamableHTTPClientTransport =>
  new StreamableHTTPClientTransport(new URL('/mcp', url), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  });

/** @param environment the file that the deploy wrote */
export const overStdio = (environment: string, ...options: string[]): StdioClientTransport =>
  new StdioClientTransport({
    command: process.execPath,
    args: [
      path.resolve(__dirname, '../../../dist/apps/mcp-server/main.cjs'),
      '--stdio',
      '--environment',
      environment,
      ...options,
    ],
    // Looks often, also while nobody listens.
    env: { ...getDefaultEnvironment(), MCP_WATCH_MS: '200' },
  });

/** The official client, connected. */
export async function connected(
  transport: Transport,
  era: Era,
  options: ClientOptions = {},
): Promise<Client> {
  const client = new Client({ name: 'spec', version: '1.0.0' }, {
    ...ERAS[era],
    ...options,
  } as ClientOptions);
  await client.connect(transport);
  return client;
}

export interface Called {
  isError?: boolean;
  text: string;
  data: Record<string, unknown>;
  /** What a refusal has. */
  error?: { code: string; message: string; remedy: string };
}

/** Calls a tool and takes its answer apart. */
export async function call(client: Client, name: string, args: object = {}): Promise<Called> {
  const { content, structuredContent, isError, _meta } = await client.callTool({
    name,
    arguments: args as Record<string, unknown>,
  });
  const [first] = content as { text: string }[];
  return {
    isError,
    text: first.text,
    data: structuredContent as Record<string, unknown>,
    error: _meta?.['stack/error'] as Called['error'],
  };
}

/** A stack with the server and one more service, redis; all others are as good as down. */
export class RunningServer {
  private readonly clients: Client[] = [];

  private constructor(
    readonly stack: TestStack,
    readonly url: string,
    /** Tokens: one that reads, one that may do all. */
    readonly reader: string,
    readonly operator: string,
  ) {}

  static async start(): Promise<RunningServer> {
    const stack = await TestStack.start();
    await stack.deploy('redis');
    await stack.deployAlone('mcp-server');
    const [url, reader, operator] = [
      mcpServer.url('http'),
      mcpServer.secret('token'),
      mcpServer.secret('operator'),
    ].map((value) => stack.resolve(value));
    return new RunningServer(stack, url, reader, operator);
  }

  /** The file that a client's own server reads. */
  get environment(): string {
    return path.join(this.stack.paths.data, 'mcp-server/config/environment.json');
  }

  async connect(...args: Parameters<typeof connected>): Promise<Client> {
    const client = await connected(...args);
    this.clients.push(client);
    return client;
  }

  /** Posts JSON, or a text as it is. */
  post(address: string, token: string | undefined, body: unknown, headers: object = {}): Promise<Response> {
    return fetch(new URL(address, this.url), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(token && { authorization: `Bearer ${token}` }),
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close().catch(() => undefined)));
    await this.stack.remove();
  }
}
