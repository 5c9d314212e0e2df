import * as path from 'node:path';
import {
  Client,
  type ClientOptions,
  StreamableHTTPClientTransport,
  type Transport,
} from '@modelcontextprotocol/client';
import { StdioClientTransport, getDefaultEnvironment } from '@modelcontextprotocol/client/stdio';

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
