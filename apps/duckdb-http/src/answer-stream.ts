import { once } from 'node:events';
import { RequestError } from '@stack/http-server';
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
   * @param most bytes that the answer may have
   */
  constructor(
    private readonly reply: FastifyReply,
    private readonly signal: AbortSignal,
    private readonly progress: () => void,
    private readonly most = Infinity,
  ) {}

  /** @returns undefined, or what resolves when the caller takes more. @throws the signal's reason */
  write(bytes: Uint8Array): Promise<void> | undefined {
    this.signal.throwIfAborted();
    this.size += bytes.length;
    this.checkSize(this.size);
    if (this.begun) return this.send(bytes);
    this.held.push(bytes);
    if (this.size < HELD) return undefined;
    this.begin();
    const held = Buffer.concat(this.held);
    this.held = [];
    return this.send(held);
  }

  /**
   * The whole answer is written.
   *
   * @returns the answer when none of it has been sent yet: it is small, and the caller's to send
   */
  end(): Buffer | undefined {
    if (!this.begun) return Buffer.concat(this.held);
    this.reply.raw.end();
    return undefined;
  }

  /** @throws RequestError when an answer may not have as many bytes */
  checkSize(bytes: number): void {
    if (bytes <= this.most) return;
    throw new RequestError(413, 'answer_too_large', `the answer takes more than ${this.most} bytes`, {
      remedy: 'select fewer columns or rows: this token may have no more at once',
    });
  }

  /** Bytes until now. */
  get bytes(): number {
    return this.size;
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

  private send(bytes: Uint8Array): Promise<void> | undefined {
    return this.reply.raw.write(bytes) ? undefined : this.drained();
  }

  private async drained(): Promise<void> {
    try {
      await once(this.reply.raw, 'drain', { signal: this.signal });
    } catch (error) {
      this.signal.throwIfAborted();
      throw error;
    }
    this.progress();
  }
}
