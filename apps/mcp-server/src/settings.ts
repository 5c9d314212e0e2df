import { existsSync, readFileSync } from 'node:fs';
import { adapterVariable } from '@stack/model';
import { required, whole } from '@stack/http-server/environment';

export interface Settings {
  readonly stack: string;
  /** The stack's registry as the deploy wrote it; nothing in a cluster. */
  readonly registryFile?: string;
  /** The supervisor's socket; nothing where there is none. */
  readonly socket?: string;
  /** Who may read, and who may do all. */
  readonly tokens: { readonly read: string; readonly operate: string };
  /** Signs the tokens that this server gives. */
  readonly signingKey: string;
  /** Another server that gives tokens for this one (OAuth 2.1): its address. */
  readonly issuer?: string;
  /** The address that clients use, if it isn't the one that they ask. */
  readonly publicUrl?: string;
  /** Sessions of the protocol of 2025 at once. */
  readonly maxSessions: number;
  /** Milliseconds after which a session that nobody used is forgotten. */
  readonly sessionIdleMs: number;
  /** Milliseconds between two looks at the services. */
  readonly watchMs: number;
  /** The model that answers questions; nothing: none does. */
  readonly ask?: AskSettings;
}

export const PROVIDERS = ['anthropic', 'openai', 'ollama'] as const;

export interface AskSettings {
  /** `openai` is everything that speaks its API. */
  readonly provider: (typeof PROVIDERS)[number];
  readonly model: string;
  readonly baseUrl?: string;
  /** Of the provider; Ollama needs none. */
  readonly key?: string;
  /** Tokens, in and out, that one question may use. */
  readonly budget: number;
  /** Calls of the model for one question. */
  readonly steps: number;
  readonly timeoutMs: number;
}

/** @throws Error naming the variable */
export function settingsFromEnvironment(env: NodeJS.ProcessEnv): Settings {
  // A token that the issuer gave for something else must not do here.
  if (env.OAUTH_ISSUER && !env.MCP_PUBLIC_URL)
    throw new Error('OAUTH_ISSUER needs MCP_PUBLIC_URL: the address that its tokens are for');
  return {
    stack: env.STACK_NAME || 'local',
    registryFile: env.REGISTRY_FILE || undefined,
    socket: env[adapterVariable('mcp-server', 'SOCKET')] || undefined,
    tokens: { read: required(env, 'API_TOKEN'), operate: required(env, 'OPERATOR_TOKEN') },
    signingKey: required(env, 'SIGNING_KEY'),
    issuer: env.OAUTH_ISSUER || undefined,
    publicUrl: env.MCP_PUBLIC_URL || undefined,
    maxSessions: whole(env, 'MCP_MAX_SESSIONS', 500),
    sessionIdleMs: whole(env, 'MCP_SESSION_IDLE_MS', 30 * 60_000),
    watchMs: whole(env, 'MCP_WATCH_MS', 3_000),
    ask: askSettings(env),
  };
}

/** @throws Error naming the variable */
function askSettings(env: NodeJS.ProcessEnv): AskSettings | undefined {
  const provider = env.ASK_PROVIDER as AskSettings['provider'] | undefined;
  if (!provider) return undefined;
  if (!PROVIDERS.includes(provider))
    throw new Error(`ASK_PROVIDER=${provider}: choose one of ${PROVIDERS.join(', ')}`);
  const key = keyOf(env.ASK_KEY_FILE);
  // Off without a key.
  if (!key && provider !== 'ollama' && !env.ASK_BASE_URL) return undefined;
  return {
    provider,
    model: required(env, 'ASK_MODEL'),
    baseUrl: env.ASK_BASE_URL || undefined,
    key,
    budget: whole(env, 'ASK_BUDGET', 200_000),
    steps: whole(env, 'ASK_STEPS', 12),
    timeoutMs: whole(env, 'ASK_TIMEOUT_MS', 120_000),
  };
}

function keyOf(file: string | undefined): string | undefined {
  if (!file || !existsSync(file)) return undefined;
  return readFileSync(file, 'utf8').trim() || undefined;
}
