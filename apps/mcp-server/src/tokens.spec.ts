import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { settingsFromEnvironment } from './settings';
import { Tokens } from './tokens';

const AUDIENCE = 'https://stack.example/mcp';

/** Another server that gives tokens: its metadata and its keys are real, its people are not. */
describe('tokens of another issuer', () => {
  let server: Server;
  let issuer = '';
  let sign: (
    claims: Record<string, unknown>,
    options?: { aud?: string; iss?: string; exp?: string },
  ) => Promise<string>;
  let tokens: Tokens;

  beforeAll(async () => {
    const { SignJWT, exportJWK, generateKeyPair } = await import('jose');
    const { publicKey, privateKey } = await generateKeyPair('RS256');
    const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }] };
    server = createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      if (request.url === '/.well-known/openid-configuration')
        response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }));
      else if (request.url === '/keys') response.end(JSON.stringify(keys));
      else response.writeHead(404).end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    sign = (claims, { aud = AUDIENCE, iss = issuer, exp = '5m' } = {}) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'RS256', kid: 'one' })
        .setIssuer(iss)
        .setAudience(aud)
        .setSubject('anna')
        .setExpirationTime(exp)
        .sign(privateKey);
    tokens = new Tokens({ read: 'r', operate: 'o', signingKey: 'k', issuer, audience: AUDIENCE });
  });
  afterAll(() => void server.close());

  test('may do what their scope says', async () => {
    const reader = await tokens.find(await sign({ scope: 'openid read' }));
    expect([reader.name, [...reader.scopes]]).toEqual(['anna', ['read']]);
    expect([...(await tokens.find(await sign({ scope: 'operate' }))).scopes].sort()).toEqual([
      'operate',
      'read',
    ]);
    await expect(tokens.find(await sign({ scope: 'openid' }))).rejects.toMatchObject({ status: 403 });
  });

  test('are refused when they are for something else, of somebody else, over, or without an end', async () => {
    const { SignJWT } = await import('jose');
    const forged = await new SignJWT({ scope: 'operate' })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer('stack')
      .setExpirationTime('5m')
      .sign(new TextEncoder().encode('a key that is not this server’s own'));
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"scope":"operate"}').toString('base64url')}.x`;
    for (const token of [
      await sign({ scope: 'operate' }, { aud: 'https://other.example' }),
      await sign({ scope: 'operate' }, { iss: 'https://other.example' }),
      await sign({ scope: 'operate' }, { exp: '-1m' }),
      forged,
      none,
    ])
      await expect(tokens.find(token)).rejects.toMatchObject({ status: 401 });
    await expect(tokens.find(await sign({}, { exp: '-1m' }))).rejects.toThrow(/has expired at 20/);
  });

  test('need the address that they are for; an issuer that is away is named', async () => {
    const env = { API_TOKEN: 'r', OPERATOR_TOKEN: 'o', SIGNING_KEY: 'k', OAUTH_ISSUER: issuer };
    expect(() => settingsFromEnvironment(env)).toThrow(/MCP_PUBLIC_URL/);
    expect(settingsFromEnvironment({ ...env, MCP_PUBLIC_URL: AUDIENCE }).issuer).toBe(issuer);
    const away = new Tokens({
      read: 'r',
      operate: 'o',
      signingKey: 'k',
      issuer: 'http://127.0.0.1:9',
      audience: AUDIENCE,
    });
    await expect(away.find(await sign({}))).rejects.toMatchObject({
      status: 503,
      code: 'issuer_unreachable',
    });
  });
});
