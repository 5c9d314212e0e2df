/** The supervisor's interface: a Unix socket, mode 0600, one JSON object a line. */
import { chmodSync, rmSync } from 'node:fs';
import * as net from 'node:net';
import * as readline from 'node:readline';
import { OperationError, type Operations, type Reply } from './protocol';
import type { Supervisor } from './supervisor';

type Request = { [K in keyof Operations]: { id: number; op: K } & Operations[K][0] }[keyof Operations];

/**
 * Listens on `supervisor.sock` in the working directory (a relative path: socket paths are limited to about 100 bytes).
 * @param end called after the reply to `shutdown` or `handover`
 */
export function serve(supervisor: Supervisor, build: string, end: () => void): Promise<void> {
  rmSync('supervisor.sock', { force: true });
  const server = net.createServer((socket) => {
    const connection = {};
    const reply = (message: Reply) => {
      if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
    };
    socket.on('error', () => socket.destroy());
    socket.on('close', () => supervisor.leases.disconnected(connection));
    const lines = readline.createInterface({ input: socket });
    lines.on('error', () => undefined);
    lines.on('line', (line) => {
      let request: Request;
      try {
        request = JSON.parse(line) as Request;
      } catch {
        reply({ id: 0, ok: false, error: { code: 'BAD_REQUEST', message: 'not a line of JSON' } });
        return;
      }
      carryOut(supervisor, build, request, connection, reply, end).then(
        (result) => result && reply({ id: request.id, ok: true, ...result }),
        (error: unknown) =>
          reply({
            id: request.id,
            ok: false,
            error:
              error instanceof OperationError
                ? error.wire
                : { code: 'INTERNAL', message: String((error as Error)?.stack ?? error) },
          }),
      );
    });
  });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    const umask = process.umask(0o177);
    server.listen('supervisor.sock', () => {
      chmodSync('supervisor.sock', 0o600);
      resolve();
    });
    process.umask(umask);
  });
}

/** The answer, or undefined when it was sent, or will be, some other way. */
async function carryOut(
  supervisor: Supervisor,
  build: string,
  request: Request,
  connection: object,
  reply: (message: Reply) => void,
  end: () => void,
): Promise<object | undefined> {
  switch (request.op) {
    case 'hello':
      return { pid: process.pid, build };
    case 'apply':
      return supervisor.apply(request.unit, request.processes);
    case 'restart':
      return supervisor.restart(request.unit);
    case 'stop':
      return supervisor.stop(request.unit);
    case 'status':
      return supervisor.status();
    case 'lease.acquire':
      supervisor.leases.acquire(
        request,
        connection,
        (token) => reply({ id: request.id, ok: true, token }),
        (holder) => reply({ id: request.id, event: 'waiting', holder }),
      );
      return undefined;
    case 'lease.release':
      supervisor.leases.release(request.token);
      return {};
    case 'shutdown': {
      const stopped = await supervisor.stopAll();
      setTimeout(end, 10);
      return { stopped };
    }
    case 'handover':
      supervisor.save();
      setTimeout(end, 10);
      return {};
    default:
      throw new OperationError({
        code: 'BAD_REQUEST',
        message: `no such operation: ${(request as { op: string }).op}`,
      });
  }
}
