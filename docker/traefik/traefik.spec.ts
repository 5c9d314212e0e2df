import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RegistryEntry } from '@stack/model';
import { writeEntry } from '@stack/runtime';
import { TestStack, eventually, registryEntry } from '@stack/testing';
import { routes, traefik } from './service';

const entry = (unit: string, target?: string): RegistryEntry =>
  registryEntry(unit, target === undefined ? {} : { route: { host: `${unit}.localhost`, target } });

describe('traefik', () => {
  let stack: TestStack;
  let backend: http.Server;
  beforeAll(async () => {
    backend = http
      .createServer((request, response) => response.end(`hello ${request.headers.host}`))
      .listen(0, '127.0.0.1');
    stack = await TestStack.start();
    writeEntry(stack.paths, entry('shop', `http://127.0.0.1:${(backend.address() as AddressInfo).port}`));
    await stack.deploy('traefik');
  });
  afterAll(async () => {
    await stack.remove();
    backend.close();
  });

  const get = (port: 'web' | 'dashboard', path: string, host?: string) =>
    new Promise<{ status?: number; body: string }>((resolve, reject) => {
      const url = `${stack.resolve(traefik.url(port))}${path}`;
      const request = http.get(url, { headers: host ? { host } : {}, agent: false }, (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode, body }));
      });
      request.on('error', reject);
    });

  it('leads a host name to the service of that name', async () => {
    expect(traefik.ports.web.number).toBe(8080);
    await eventually(async () =>
      expect(await get('web', '/', 'shop.localhost')).toEqual({ status: 200, body: 'hello shop.localhost' }),
    );
  });

  it('has no route for a name that nobody has', async () => {
    expect((await get('web', '/', 'nobody.localhost')).status).toBe(404);
  });

  it('has a route to its own dashboard', async () => {
    expect((await get('dashboard', '/dashboard/')).body).toContain('Traefik');
    await eventually(async () =>
      expect((await get('web', '/dashboard/', 'traefik.localhost')).status).toBe(200),
    );
  });

  it('routes only what has a route', () => {
    expect(routes([entry('quiet')])).toEqual({});
    expect(routes([entry('quiet'), entry('shop', 'http://127.0.0.1:1')])).toMatchObject({
      http: { routers: { shop: { rule: 'Host(`shop.localhost`)' } } },
    });
  });
});
