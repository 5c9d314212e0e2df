import { createWriteStream, type WriteStream } from 'node:fs';
import type { Json, Schema } from '../connectors/protocol';

/** Bytes of one job's log; what follows is counted, not kept. */
const LIMIT = 10 * 1024 * 1024;
const LONGEST_LINE = 8_192;
/** Lines that a failure's message shows. */
const SHOWN = 8;
/** Shorter values aren't worth hiding: they would make the log unreadable. */
const SHORTEST_SECRET = 6;

/** One job's log, a file; secrets of the configuration are hidden in it. */
export class JobLog {
  private readonly file?: WriteStream;
  private readonly recent: string[] = [];
  private written = 0;

  /** @param path the file, which is continued; without one, only the last lines are kept */
  constructor(
    path: string | undefined,
    private readonly secrets: readonly string[] = [],
  ) {
    if (!path) return;
    this.file = createWriteStream(path, { flags: 'a', mode: 0o600 });
    // A full disk fails the sync where it stages, with a better message.
    this.file.on('error', () => undefined);
  }

  write(level: string, ...parts: (string | undefined)[]): void {
    let text = parts.filter(Boolean).join('\n').slice(0, LONGEST_LINE);
    for (const secret of this.secrets) text = text.replaceAll(secret, '**********');
    this.recent.push(`${level}: ${text.split('\n')[0].slice(0, 500)}`);
    if (this.recent.length > SHOWN) this.recent.shift();
    if (!this.file || this.written > LIMIT) return;
    const line = `${new Date().toISOString()} ${level} ${text}\n`;
    this.written += line.length;
    this.file.write(this.written > LIMIT ? '… the log ends here: it has its largest size\n' : line);
  }

  /** The last lines. */
  last(): readonly string[] {
    return this.recent;
  }

  close(): Promise<void> {
    return new Promise((resolve) =>
      this.file && !this.file.destroyed ? this.file.end(() => resolve()) : resolve(),
    );
  }
}

/** What a schema marks as secret in a value, as texts. */
export function secretsIn(value: Json | undefined, schema: Schema | undefined): string[] {
  if (!schema || value === undefined || value === null) return [];
  if (schema.airbyte_secret)
    return typeof value === 'string' && value.length >= SHORTEST_SECRET ? [value] : [];
  const variants = [schema, ...(schema.oneOf ?? []), ...(schema.anyOf ?? []), ...(schema.allOf ?? [])];
  if (typeof value !== 'object' || Array.isArray(value)) return [];
  return variants.flatMap((variant) =>
    Object.entries(variant.properties ?? {}).flatMap(([name, property]) => secretsIn(value[name], property)),
  );
}
