/**
 * Asks a process, in its own protocol, whether it is ready. Each probe resolves when it is, and rejects with the reason when not.
 */
import * as http from 'node:http';
import * as net from 'node:net';
import type { ResolvedProbe } from './protocol';

const TIMEOUT = 2_000;

/** @param startedAt when the process that is asked was started, milliseconds since 1970 */
export function probe(target: ResolvedProbe, startedAt = 0, timeout = TIMEOUT): Promise<void> {
  switch (target.type) {
    case 'http':
      return probeHttp(target, startedAt, timeout);
    case 'postgres':
      return converse(target, timeout, POSTGRES_HELLO, postgresAnswer);
    case 'redis':
      return converse(target, timeout, Buffer.from('PING\r\n'), redisAnswer);
    case 'kafka':
      return converse(target, timeout, KAFKA_HELLO, kafkaAnswer);
    case 'grpc':
      return probeGrpc(target, timeout);
  }
}

function probeHttp(
  target: Extract<ResolvedProbe, { type: 'http' }>,
  startedAt: number,
  timeout: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      target.url,
      {
        method: target.body === undefined ? 'GET' : 'POST',
        headers: target.body === undefined ? {} : { 'content-type': 'application/json' },
        agent: false,
        timeout,
      },
      (response) => {
        const status = response.statusCode ?? 0;
        const good = target.status ? target.status.includes(status) : status >= 200 && status < 300;
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          if (body.length < 65_536) body += chunk;
        });
        response.on('error', reject);
        response.on('end', () => {
          if (!good) reject(new Error(`${target.url} answers ${status}`));
          else if (target.contains !== undefined && !body.includes(target.contains))
            reject(new Error(`${target.url} answers ${status} without ${JSON.stringify(target.contains)}`));
          else if (target.since !== undefined && !(numberIn(body, target.since) * 1_000 > startedAt))
            reject(new Error(`${target.url}: ${target.since} is from before its start`));
          else resolve();
        });
      },
    );
    request.on('timeout', () =>
      request.destroy(new Error(`${target.url} doesn't answer within ${timeout} ms`)),
    );
    request.on('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ECONNREFUSED' ? new Error(`nothing listens at ${target.url}`) : error),
    );
    request.end(target.body);
  });
}

/** The number with that name in JSON, wherever it stands; NaN when there is none. */
const numberIn = (json: string, name: string): number =>
  Number(new RegExp(`"${name}"\\s*:\\s*([0-9.]+)`).exec(json)?.[1] ?? Number.NaN);

/** Sends `hello` and gives what comes back to `read`, which returns true (ready), false (more to come) or throws. */
function converse(
  { host, port }: { host: string; port: number },
  timeout: number,
  hello: Buffer,
  read: (answer: Buffer) => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const socket = net.connect({ host, port });
    const end = (error?: Error) => {
      socket.destroy();
      if (error) reject(error);
      else resolve();
    };
    socket.setTimeout(timeout, () => end(new Error(`${host}:${port} doesn't answer within ${timeout} ms`)));
    socket.on('connect', () => socket.write(hello));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      end(error.code === 'ECONNREFUSED' ? new Error(`nothing listens at ${host}:${port}`) : error),
    );
    socket.on('close', () => end(new Error(`${host}:${port} closes the connection`)));
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      try {
        if (read(answer)) end();
      } catch (error) {
        end(error as Error);
      }
    });
  });
}

/** StartupMessage of protocol 3.0 for a user that needn't exist: the server answers before it looks the user up. */
const POSTGRES_HELLO = (() => {
  const body = Buffer.from('user\0probe\0database\0postgres\0\0');
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + 8, 0);
  head.writeInt32BE(196_608, 4);
  return Buffer.concat([head, body]);
})();

function postgresAnswer(answer: Buffer): boolean {
  const kind = String.fromCharCode(answer[0]);
  if (kind === 'R') return true;
  if (kind !== 'E') throw new Error('what answers is no PostgreSQL');
  if (answer.length < 5 || answer.length < 1 + answer.readInt32BE(1)) return false;
  const fields = new Map(
    answer
      .subarray(5)
      .toString('utf8')
      .split('\0')
      .map((field) => [field[0], field.slice(1)]),
  );
  // 57P03: starting up, recovering or shutting down. Any other refusal (unknown user, no such entry) is a server at work.
  if (fields.get('C') === '57P03') throw new Error(fields.get('M'));
  return true;
}

function redisAnswer(answer: Buffer): boolean {
  const line = answer.toString('latin1');
  if (!line.includes('\r\n')) return false;
  if (line.startsWith('+PONG') || line.startsWith('-NOAUTH')) return true;
  throw new Error(line.split('\r\n')[0].replace(/^-/, ''));
}

/** ApiVersions (key 18, version 0), correlation id 1, no client id. */
const KAFKA_HELLO = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);

function kafkaAnswer(answer: Buffer): boolean {
  // Length, correlation id, error.
  if (answer.length < 10) return false;
  if (answer.readInt32BE(4) !== 1) throw new Error('what answers is no Kafka');
  const error = answer.readInt16BE(8);
  if (error === 0) return true;
  throw new Error(`the broker answers error ${error}`);
}

/** `grpc.health.v1.Health/Check` over HTTP/2: SERVING is field 1, value 1 of the answer. */
async function probeGrpc(
  { host, port, service }: { host: string; port: number; service: string },
  timeout: number,
): Promise<void> {
  const http2 = await import('node:http2');
  return new Promise((resolve, reject) => {
    const session = http2.connect(`http://${host}:${port}`);
    const timer = setTimeout(
      () => end(new Error(`${host}:${port} doesn't answer within ${timeout} ms`)),
      timeout,
    );
    const end = (error?: Error) => {
      clearTimeout(timer);
      session.destroy();
      if (error) reject(error);
      else resolve();
    };
    session.on('error', (error: NodeJS.ErrnoException) =>
      end(error.code === 'ECONNREFUSED' ? new Error(`nothing listens at ${host}:${port}`) : error),
    );
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let body = Buffer.alloc(0);
    let status: string | undefined;
    stream.on('response', (headers) => (status = headers['grpc-status'] as string | undefined));
    stream.on('trailers', (trailers) => (status = trailers['grpc-status'] as string | undefined));
    stream.on('data', (chunk: Buffer) => (body = Buffer.concat([body, chunk])));
    stream.on('error', end);
    stream.on('end', () => {
      if (status !== '0') end(new Error(`${host}:${port} answers gRPC status ${status}`));
      else if (body[5] !== 0x08 || body[6] !== 1) end(new Error(`${host}:${port} is not serving yet`));
      else end();
    });
    // HealthCheckRequest: field 1, the service's name; before it the frame's flag and length.
    const name = Buffer.from(service);
    const message = name.length > 0 ? Buffer.concat([Buffer.from([0x0a, name.length]), name]) : name;
    const frame = Buffer.alloc(5);
    frame.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([frame, message]));
  });
}
