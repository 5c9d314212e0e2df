/**
 * The exchange of a workflow's token for credentials. Real: the token (signed as GitHub signs), its verification against the
 * issuer's published keys, the trust policy as synthesised (evaluated), AWS's SDK. Moto's STS hands the credentials out; it doesn't look
 * at the token, so a verifier of this spec's stands before it and does what AWS's does.
 */
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { IAMClient, CreateRoleCommand } from '@aws-sdk/client-iam';
import { AssumeRoleWithWebIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { decide } from '@stack/terraform/cdktf/iam';
import { environment } from '@stack/terraform/cdktf/testing';
import { Moto } from '@stack/testing';
import { trustPolicy } from './policies';

const GITHUB = 'token.actions.githubusercontent.com';
const PROVIDER = `arn:aws:iam::111122223333:oidc-provider/${GITHUB}`;
const trust = trustPolicy(environment(), PROVIDER);

type Key = Awaited<ReturnType<typeof import('jose').generateKeyPair>>['privateKey'];

const listen = (handler: http.RequestListener) =>
  new Promise<{ url: string; close: () => void }>((resolve) => {
    const server = http.createServer(handler).listen(0, '127.0.0.1', () => {
      resolve({
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        close: () => server.close(),
      });
    });
  });

describe('the exchange of a workflow’s token', () => {
  let jose: typeof import('jose');
  let moto: Moto;
  let issuer: { url: string; close: () => void };
  let verifier: { url: string; close: () => void };
  let key: Key;
  let strangersKey: Key;

  beforeAll(async () => {
    jose = await import('jose');
    moto = await Moto.start();
    const pair = await jose.generateKeyPair('RS256');
    key = pair.privateKey;
    strangersKey = (await jose.generateKeyPair('RS256')).privateKey;
    const jwk = { ...(await jose.exportJWK(pair.publicKey)), kid: 'github-1', alg: 'RS256', use: 'sig' };
    issuer = await listen((_request, response) => response.end(JSON.stringify({ keys: [jwk] })));
    const keys = jose.createRemoteJWKSet(new URL(`${issuer.url}/.well-known/jwks`));

    verifier = await listen((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        void (async () => {
          const refuse = (code: string, message: string) => {
            response.writeHead(400, { 'content-type': 'text/xml' });
            response.end(
              `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
            );
          };
          const token = new URLSearchParams(body).get('WebIdentityToken') ?? '';
          try {
            const { payload } = await jose.jwtVerify(token, keys, { issuer: `https://${GITHUB}` });
            const decision = await decide({
              action: 'sts:AssumeRoleWithWebIdentity',
              resource: new URLSearchParams(body).get('RoleArn') ?? '',
              principal: PROVIDER,
              context: { [`${GITHUB}:aud`]: String(payload.aud), [`${GITHUB}:sub`]: String(payload.sub) },
              resourcePolicy: trust,
            });
            if (decision !== 'Allowed')
              return refuse('AccessDenied', 'Not authorized to perform sts:AssumeRoleWithWebIdentity');
          } catch (error) {
            const expired = error instanceof jose.errors.JWTExpired;
            return refuse(
              expired ? 'ExpiredTokenException' : 'InvalidIdentityToken',
              (error as Error).message,
            );
          }
          const answer = await fetch(moto.url, {
            method: 'POST',
            headers: { 'content-type': 'application/x-www-form-urlencoded', host: 'sts.amazonaws.com' },
            body,
          });
          response.writeHead(answer.status, { 'content-type': 'text/xml' });
          response.end(await answer.text());
        })();
      });
    });
  });
  afterAll(async () => {
    issuer.close();
    verifier.close();
    await moto.stop();
  });

  const credentials = { accessKeyId: 'moto', secretAccessKey: 'moto' };
  const sign = (
    claims: { sub?: string; aud?: string; iss?: string; exp?: string } = {},
    by = key,
    kid = 'github-1',
  ) =>
    new jose.SignJWT({ repository: 'acme/data' })
      .setProtectedHeader({ alg: 'RS256', kid })
      .setSubject(claims.sub ?? 'repo:acme/data:environment:prod')
      .setAudience(claims.aud ?? 'sts.amazonaws.com')
      .setIssuer(claims.iss ?? `https://${GITHUB}`)
      .setIssuedAt()
      .setExpirationTime(claims.exp ?? '5m')
      .sign(by);
  const exchange = async (token: string) => {
    const sts = new STSClient({ endpoint: verifier.url, region: 'eu-central-1', credentials });
    const answer = await sts.send(
      new AssumeRoleWithWebIdentityCommand({
        RoleArn: 'arn:aws:iam::123456789012:role/fds-prod-deploy',
        RoleSessionName: 'deploy',
        WebIdentityToken: token,
      }),
    );
    return answer.Credentials?.AccessKeyId;
  };

  it('gives credentials to the right workflow', async () => {
    const iam = new IAMClient({ endpoint: moto.url, region: 'eu-central-1', credentials });
    await iam.send(
      new CreateRoleCommand({ RoleName: 'fds-prod-deploy', AssumeRolePolicyDocument: JSON.stringify(trust) }),
    );
    expect(await exchange(await sign())).toMatch(/^[A-Z0-9]{16,}$/);
  });

  it.each([
    ['another audience', { aud: 'https://elsewhere' }, 'AccessDenied'],
    ['a pull request', { sub: 'repo:acme/data:pull_request' }, 'AccessDenied'],
    ['a fork', { sub: 'repo:mallory/data:environment:prod' }, 'AccessDenied'],
    ['another branch', { sub: 'repo:acme/data:ref:refs/heads/feature' }, 'AccessDenied'],
    ['an expired token', { exp: '-1m' }, 'ExpiredTokenException'],
    ['another issuer', { iss: 'https://evil.example' }, 'InvalidIdentityTokenException'],
  ])('refuses %s', async (_what, claims, code) => {
    await expect(exchange(await sign(claims))).rejects.toMatchObject({ name: code });
  });

  it('refuses a token that a stranger signed, and one that was changed', async () => {
    await expect(exchange(await sign({}, strangersKey))).rejects.toMatchObject({
      name: 'InvalidIdentityTokenException',
    });
    const [head, , signature] = (await sign({ sub: 'repo:mallory/data:pull_request' })).split('.');
    const [, payload] = (await sign()).split('.');
    await expect(exchange([head, payload, signature].join('.'))).rejects.toMatchObject({
      name: 'InvalidIdentityTokenException',
    });
  });
});
