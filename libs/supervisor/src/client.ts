/** A connection to a stack's supervisor. */
import * as net from 'node:net';
import * as path from 'node:path';
import * as readline from 'node:readline';
import type { LeaseHolder, Operation, Operations, Reply, WireError } from './protocol';

/** Longest path that a socket address can hold everywhere (macOS: 104 bytes with the closing zero). */
const LONGEST = 103;

const GONE: WireError = {
  code: 'SUPERVISOR_GONE',
  message: 'the supervisor ended in the middle of an operation',
  remedy: 'run the same command again',
};

/** An operation that the supervisor refused or that failed. */
export class SupervisorError extends Error {
  constructor(readonly wire: WireError) {
    super(wire.message);
    this.name = 'SupervisorError';
  }
}

export class SupervisorClient {
  private last = 0;
  private readonly open = new Map<
    number,
    { resolve(value: unknown): void; reject(error: Error): void; waiting?(holder: LeaseHolder): void }
  >();

  private constructor(readonly socket: net.Socket) {
    const lines = readline.createInterface({ input: socket });
    lines.on('line', (line) => this.receive(JSON.parse(line) as Reply));
    // The interface passes its input's errors on; all that matters of them is that the connection is gone.
    lines.on('error', () => undefined);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      for (const { reject } of this.open.values()) reject(new SupervisorError(GONE));
      this.open.clear();
    });
  }

  /** @throws the socket's error (ENOENT, ECONNREFUSED) when no supervisor listens there. */
  static connect(socketPath: string): Promise<SupervisorClient> {
    const relative = path.relative(process.cwd(), socketPath);
    const address =
      Buffer.byteLength(socketPath) <= LONGEST || relative.length > socketPath.length ? socketPath : relative;
    return new Promise((resolve, reject) => {
      const socket = net.connect({ path: address });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new SupervisorClient(socket));
      });
    });
  }

  /**
   * Carries out one operation.
   * @param waiting told, for a lease, who holds it for now
   * @throws SupervisorError
   */
  call<K extends Operation>(
    op: K,
    request: Operations[K][0],
    waiting?: (holder: LeaseHolder) => void,
  ): Promise<Operations[K][1]> {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) {
        reject(new SupervisorError(GONE));
        return;
      }
      this.open.set(id, { resolve: resolve as (value: unknown) => void, reject, waiting });
      this.socket.write(`${JSON.stringify({ id, op, ...request })}\n`);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private receive(reply: Reply): void {
    const call = this.open.get(reply.id);
    if (!call) return;
    if ('event' in reply) {
      call.waiting?.(reply.holder as LeaseHolder);
      return;
    }
    this.open.delete(reply.id);
    if (reply.ok) call.resolve(reply);
    else call.reject(new SupervisorError(reply.error));
  }
}
