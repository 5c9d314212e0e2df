import { once } from 'node:events';
import type { FastifyReply } from 'fastify';

/** Bytes held back before an answer begins: until then an error still has a status of its own. */
const HELD = 65_536;

/** An answer that is sent while it is made, no faster than the caller takes it. */
export class AnswerStream {
  private held: Uint8Array[] = [];
  private size = 0;
  private begun = false;

  /**
   * @param signal aborted when the caller has gone or took too long
   * @param progress called whenever the caller has taken what was written
   */
  constructor(
    private readonly reply: FastifyReply,
    private readonly signal: AbortSignal,
    private readonly progress: () => void,
  ) {}

  /** Resolves when the caller takes more. @throws the signal's reason */
  async write(bytes: Uint8Array): Promise<void> {
    this.signal.throwIfAborted();
    this.size += bytes.length;
    if (!this.begun) {
      this.held.push(bytes);
      if (this.size < HELD) return;
      this.begin();
      await this.send(Buffer.concat(this.held));
      this.held = [];
      return;
    }
    await this.send(bytes);
  }

  /** The whole answer is written. */
  end(): void {
    if (this.begun) this.reply.raw.end();
    else void this.reply.send(Buffer.concat(this.held));
  }

  /**
   * Ends an answer that went wrong. Once it has begun the connection is reset, which no caller can take for its end.
   *
   * @returns false when it hasn't begun: the error can be the answer
   */
  fail(error: unknown): boolean {
    if (!this.begun) return false;
    this.reply.log.warn({ err: error, bytes: this.size }, 'an answer was broken off');
    this.reply.raw.socket?.resetAndDestroy();
    return true;
  }

  private begin(): void {
    this.begun = true;
    this.reply.hijack();
    this.reply.raw.writeHead(200, this.reply.getHeaders() as Record<string, string>);
  }

  private async send(bytes: Uint8Array): Promise<void> {
    if (this.reply.raw.write(bytes)) return;
    try {
      await once(this.reply.raw, 'drain', { signal: this.signal });
    } catch (error) {
      this.signal.throwIfAborted();
      throw error;
    }
    this.progress();
  }
}
