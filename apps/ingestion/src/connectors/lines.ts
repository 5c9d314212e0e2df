import { isUtf8 } from 'node:buffer';
import { SyncError } from '../errors';

const NEWLINE = 10;

/**
 * The lines of a stream of bytes, those of one chunk at a time, empty ones left out. Holds one unfinished line, and never more
 * than `limit` bytes of it.
 *
 * @throws SyncError when a line is longer, or isn't UTF-8
 */
export async function* readLines(input: AsyncIterable<Buffer>, limit: number): AsyncGenerator<string[]> {
  let parts: Buffer[] = [];
  let size = 0;
  const grow = (part: Buffer): void => {
    size += part.length;
    if (size > limit)
      throw new SyncError(
        `the connector wrote a line longer than ${limit} bytes (SYNC_LINE_LIMIT): a record has to fit into one`,
      );
    parts.push(part);
  };
  const finish = (): string => {
    const line = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    parts = [];
    size = 0;
    if (!isUtf8(line)) throw new SyncError("the connector wrote a line that isn't UTF-8");
    return line.toString('utf8').trim();
  };
  for await (const chunk of input) {
    const lines: string[] = [];
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      grow(chunk.subarray(from, to));
      const line = finish();
      if (line) lines.push(line);
      from = to + 1;
    }
    if (from < chunk.length) grow(chunk.subarray(from));
    if (lines.length > 0) yield lines;
  }
  const line = size > 0 ? finish() : '';
  if (line) yield [line];
}
