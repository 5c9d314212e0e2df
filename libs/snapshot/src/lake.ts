import './quiet-sdk';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import type { SnapshotTable } from './manifest';

/** Key of the newest manifest; the writer replaces it last, so that is the swap. */
const LATEST = 'published/latest.json';

export interface LakeOptions {
  /** URL of the S3 API, for example `http://127.0.0.1:8333`; without it, AWS's own. */
  endpoint?: string;
  bucket: string;
  /** @default 'us-east-1' */
  region?: string;
  /** How long one request may go without an answer, in milliseconds. @default 10_000 */
  timeoutMs?: number;
}

/** `null`: nothing is published yet. `'unchanged'`: the ETag asked with is still the newest. */
export type Latest = { etag: string | undefined; json: string } | 'unchanged' | null;

/** What arrived isn't what the manifest promised: truncated, damaged, or replaced. */
export class DamagedFileError extends Error {
  override name = 'DamagedFileError';
}

/** The published part of the lake's bucket, read through the S3 API. Credentials come from the environment (`AWS_*`). */
export class Lake {
  private readonly s3: S3Client;

  constructor(private readonly options: LakeOptions) {
    const timeout = options.timeoutMs ?? 10_000;
    this.s3 = new S3Client({
      endpoint: options.endpoint,
      region: options.region ?? 'us-east-1',
      // Bucket names in the path: the object store on this machine has no DNS names of its own.
      forcePathStyle: true,
      // The reader polls anyway; a second layer of retries would only delay the message.
      maxAttempts: 1,
      requestHandler: { connectionTimeout: Math.min(2_000, timeout), requestTimeout: timeout },
    });
  }

  /** Fetches the newest manifest, unless it is still the one that `etag` stands for (a conditional GET: no body moves). */
  async latest(etag: string | undefined, signal: AbortSignal): Promise<Latest> {
    try {
      const answer = await this.s3.send(
        new GetObjectCommand({ Bucket: this.options.bucket, Key: LATEST, IfNoneMatch: etag }),
        { abortSignal: signal },
      );
      return { etag: answer.ETag, json: (await answer.Body?.transformToString()) ?? '' };
    } catch (error) {
      if (status(error) === 304) return 'unchanged';
      if (error instanceof S3ServiceException && error.name === 'NoSuchKey') return null;
      throw error;
    }
  }

  /** An object of the bucket as a stream, for a server that hands it on; undefined when there is none. */
  async object(key: string): Promise<{ type: string; content: Readable } | undefined> {
    try {
      const answer = await this.s3.send(new GetObjectCommand({ Bucket: this.options.bucket, Key: key }));
      return { type: answer.ContentType ?? 'application/octet-stream', content: answer.Body as Readable };
    } catch (error) {
      if (status(error) === 404) return undefined;
      throw error;
    }
  }

  /**
   * Fetches one table's Parquet file to `path`.
   *
   * @throws DamagedFileError when its length or SHA-256 isn't the manifest's
   */
  async download(table: SnapshotTable, path: string, signal: AbortSignal): Promise<void> {
    let body: Readable;
    try {
      const answer = await this.s3.send(
        new GetObjectCommand({ Bucket: this.options.bucket, Key: table.key }),
        {
          abortSignal: signal,
        },
      );
      body = answer.Body as Readable;
    } catch (error) {
      if (status(error) === 404) throw new DamagedFileError(`${table.key} is missing from the bucket`);
      throw error;
    }
    const hash = createHash('sha256');
    let bytes = 0;
    const measure = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        bytes += chunk.length;
        // No more than promised: a wrong object must not fill the disk.
        done(
          bytes > table.bytes
            ? new DamagedFileError(`${table.key} is longer than ${table.bytes} bytes`)
            : null,
          chunk,
        );
      },
    });
    await pipeline(body, measure, createWriteStream(path, { mode: 0o600 }), { signal });
    if (bytes !== table.bytes) {
      throw new DamagedFileError(`${table.key} has ${bytes} bytes, the manifest says ${table.bytes}`);
    }
    const sha256 = hash.digest('hex');
    if (sha256 !== table.sha256) {
      throw new DamagedFileError(`${table.key} has SHA-256 ${sha256}, the manifest says ${table.sha256}`);
    }
  }

  close(): void {
    this.s3.destroy();
  }
}

function status(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}
