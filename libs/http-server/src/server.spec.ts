import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import * as http from 'node:http';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { build } from 'esbuild';

/** Real requests: `fetch` doesn't let one choose the Host header. */
const get = (port: number, url: string, headers: Record<string, string> = {}) =>
  new Promise<{ status?: number; type?: string; body: string }>((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, path: url, headers, agent: false }, (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () =>
          resolve({ status: response.statusCode, type: response.headers['content-type'], body }),
        );
      })
      .on('error', reject);
  });

describe('a program on this server', () => {
  let dir: string;
  let program: string;
  beforeAll(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'http-server-'));
    program = path.join(dir, 'main.cjs');
    const source = `
      import { createServer, listen } from ${JSON.stringify(path.join(__dirname, 'index.ts'))};
      const server = createServer({ allowedHosts: ['data.example'] });
      server.get('/slow', async () => { await new Promise((done) => setTimeout(done, 600)); return { slow: true }; });
      void listen(server, { port: 0, onStop: async () => console.log('stopped well') });
    `;
    await build({
      stdin: { contents: source, resolveDir: __dirname, loader: 'ts' },
      bundle: true,
      platform: 'node',
      packages: 'external',
      outfile: program,
      logLevel: 'error',
    });
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  /** Starts it; resolves when it says where it listens. */
  const start = () =>
    new Promise<{ port: number; output: () => string; kill: () => void; end: Promise<number | null> }>(
      (resolve) => {
        const child = spawn(process.execPath, [program], {
          env: { ...process.env, NODE_PATH: path.resolve(__dirname, '../../../node_modules') },
        });
        let output = '';
        const end = new Promise<number | null>((done) => child.on('exit', done));
        child.stderr.pipe(process.stderr);
        child.stdout.on('data', (chunk: Buffer) => {
          output += chunk.toString();
          const port = /listening at http:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1];
          if (port)
            resolve({ port: Number(port), output: () => output, kill: () => child.kill('SIGTERM'), end });
        });
      },
    );

  it('answers for this machine and the names it was given, and for no other', async () => {
    const { port, kill, end } = await start();
    const status = async (headers: Record<string, string>) => (await get(port, '/nothing', headers)).status;
    expect(await status({ host: `localhost:${port}` })).toBe(404);
    expect(await status({ host: 'shop.localhost' })).toBe(404);
    expect(await status({ host: 'data.example' })).toBe(404);
    expect(await status({ host: 'evil.example' })).toBe(421);
    expect(await status({ host: 'localhost.evil.example' })).toBe(421);
    // By address, as a load balancer's probe; a page of such an address is strange all the same.
    expect(await status({ host: '10.0.12.7:4200' })).toBe(404);
    expect(await status({ host: '[fd00::7]:4200' })).toBe(404);
    expect(await status({ origin: 'http://10.0.12.8' })).toBe(403);
    expect(await status({ origin: 'http://evil.example' })).toBe(403);
    expect(await status({ origin: 'null' })).toBe(403);
    const { body, type } = await get(port, '/nothing');
    expect(type).toBe('application/problem+json; charset=utf-8');
    expect(JSON.parse(body)).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'there is no GET /nothing',
      code: 'not_found',
      remedy: 'see the README of this service for its addresses',
    });
    kill();
    await end;
  });

  it('ends what it has begun when it is told to stop, and then itself', async () => {
    const { port, kill, end, output } = await start();
    const slow = get(port, '/slow');
    await new Promise((done) => setTimeout(done, 200));
    kill();
    expect(await slow).toMatchObject({ status: 200, body: '{"slow":true}' });
    expect(await end).toBe(0);
    expect(output()).toContain('stopped well');
  });
});
