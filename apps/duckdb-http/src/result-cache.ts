import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';

/** An answer as it went out. */
export interface CachedAnswer {
  type: string;
  bytes: Buffer;
  /** Unknown of one that was streamed. */
  rows?: number;
}

/** Of the cache's bytes, the most that one answer takes. */
const SHARE = 16;

/** Answers to queries that give the same again on the same snapshot; the least asked for goes first. */
export class ResultCache {
  private readonly answers: LRUCache<string, CachedAnswer> | undefined;

  /** @param size in bytes; 0: keeps nothing */
  constructor(private readonly size: number) {
    this.answers =
      size > 0
        ? new LRUCache({ maxSize: size, sizeCalculation: ({ bytes }, key) => bytes.length + key.length })
        : undefined;
  }

  get(etag: string): CachedAnswer | undefined {
    return this.answers?.get(etag);
  }

  set(etag: string, answer: CachedAnswer): void {
    if (answer.bytes.length <= this.size / SHARE) this.answers?.set(etag, answer);
  }
}

/** Names an answer by all that decides on it. */
export function etagOf(...parts: unknown[]): string {
  return `"${createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 27)}"`;
}
