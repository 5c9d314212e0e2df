import { createHash, timingSafeEqual } from 'node:crypto';
import { RequestError, secretCommand } from '@stack/http-server';
import type { Scope } from '@stack/mcp';
import type { JWTPayload, createRemoteJWKSet as Remote } from 'jose';
import type { Caller } from './toolbox';

/** Who a token stands for. */
export interface Grant extends Caller {
  /** Seconds since 1970; the stack's own tokens have none. */
  readonly expiresAt?: number;
}

export interface TokensOptions {
  readonly read: string;
  readonly operate: string;
  readonly signingKey: string;
  /** Another server that gives tokens: OpenID Connect's or OAuth's, with its keys at `<issuer>/.well-known/jwks.json` or as its metadata says. */
  readonly issuer?: string;
  /** What a token of it has to be for: the address of this server. */
  readonly audience?: string;
}

const ISSUER = 'stack';
const SCOPES: readonly Scope[] = ['read', 'operate'];
const READ: ReadonlySet<Scope> = new Set(['read']);
const ALL: ReadonlySet<Scope> = new Set(SCOPES);

/** The two tokens that the stack made, those that this server signed, and those of another issuer. */
export class Tokens {
  private readonly key: Uint8Array;
  private remote?: Promise<ReturnType<typeof Remote>>;

  constructor(private readonly options: TokensOptions) {
    this.key = createHash('sha256').update(options.signingKey).digest();
  }

  /** @throws RequestError 401 for one that isn't known, or is over; 403 for one that may do nothing here */
  async find(token: string | undefined): Promise<Grant> {
    if (token === undefined) throw unauthorized('this needs a token of mcp-server');
    if (same(token, this.options.operate)) return { name: 'operator', scopes: ALL };
    if (same(token, this.options.read)) return { name: 'token', scopes: READ };
    // Three parts with dots between: anything else is no JWT.
    if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw unauthorized('this is no token of mcp-server');
    const { errors } = await import('jose');
    try {
      return grantOf(await this.verify(token));
    } catch (error) {
      if (error instanceof errors.JWTExpired)
        throw unauthorized(
          `the token has expired at ${new Date(Number(error.payload.exp) * 1_000).toISOString()}`,
        );
      if (error instanceof errors.JOSEError) throw unauthorized('this is no token of mcp-server');
      throw error;
    }
  }

  /** A token that ends. @param seconds from now */
  async sign(
    name: string,
    scopes: readonly Scope[],
    seconds: number,
  ): Promise<{ token: string; expiresAt: string }> {
    const { SignJWT } = await import('jose');
    const end = Math.floor(Date.now() / 1_000) + seconds;
    const token = await new SignJWT({ scope: scopes.join(' ') })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(ISSUER)
      .setSubject(name)
      .setIssuedAt()
      .setExpirationTime(end)
      .sign(this.key);
    return { token, expiresAt: new Date(end * 1_000).toISOString() };
  }

  private async verify(token: string): Promise<JWTPayload> {
    const { issuer, audience } = this.options;
    const { decodeProtectedHeader, jwtVerify } = await import('jose');
    if (algorithmOf(decodeProtectedHeader, token) === 'HS256')
      return (await jwtVerify(token, this.key, { issuer: ISSUER, algorithms: ['HS256'] })).payload;
    if (!issuer) throw unauthorized('this is no token of mcp-server');
    const keys = await (this.remote ??= keysOf(issuer).catch((error: unknown) => {
      this.remote = undefined;
      throw error;
    }));
    return (await jwtVerify(token, keys, { issuer, ...(audience && { audience }), requiredClaims: ['exp'] }))
      .payload;
  }
}

/** Where an issuer's keys are: as its metadata says. */
async function keysOf(issuer: string): Promise<ReturnType<typeof Remote>> {
  for (const name of ['openid-configuration', 'oauth-authorization-server']) {
    const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/${name}`, {
      signal: AbortSignal.timeout(5_000),
    }).catch(() => undefined);
    if (!response?.ok) continue;
    const { jwks_uri: address } = (await response.json()) as { jwks_uri?: string };
    if (address) return (await import('jose')).createRemoteJWKSet(new URL(address));
  }
  throw new RequestError(503, 'issuer_unreachable', `the issuer ${issuer} doesn't tell its keys`, {
    remedy: 'correct OAUTH_ISSUER, or use a token of the stack',
  });
}

function grantOf({ sub, scope, exp }: JWTPayload): Grant {
  const named = new Set(String(scope ?? '').split(' '));
  const scopes = new Set(SCOPES.filter((one) => named.has(one)));
  if (scopes.size === 0)
    throw new RequestError(403, 'scope_missing', 'the token has no scope of this server', {
      remedy: `get one with the scope ${SCOPES.join(' or ')}`,
    });
  // Who may change may look.
  scopes.add('read');
  return { name: sub ?? 'nobody', scopes, expiresAt: exp };
}

/** @throws RequestError when the token has no header */
function algorithmOf(decode: (token: string) => { alg?: string }, token: string): string | undefined {
  try {
    return decode(token).alg;
  } catch {
    throw unauthorized('this is no token of mcp-server');
  }
}

const unauthorized = (message: string): RequestError =>
  new RequestError(401, 'unauthorized', message, {
    remedy: `send Authorization: Bearer <token>; \`${secretCommand('mcp-server', 'token')}\` prints one that reads`,
  });

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const same = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));
