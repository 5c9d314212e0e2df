import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** How often a token has asked a query on a day (UTC). */
export interface Asked {
  token: string;
  sql: string;
  count: number;
}

/** Days that are kept, today among them. */
const DAYS = 8;
/** Different queries of a day that are counted; those that come after them aren't. */
const QUERIES = 500;
/** Characters of a query that is counted. */
const LONGEST = 4_000;
const SAVED_MS = 60_000;

/** Counts queries by day, token and text, for the catalogue. A process that is killed loses its last minute. */
export class Usage {
  private changed = false;
  private saving: Promise<void> = Promise.resolve();
  private readonly timer: NodeJS.Timeout;

  private constructor(
    private readonly file: string | undefined,
    private readonly days: Map<string, Map<string, Asked>>,
  ) {
    this.timer = setInterval(() => void this.save().catch(() => undefined), SAVED_MS).unref();
  }

  /** @param file JSON; undefined: counted in memory only. One that can't be read is begun anew. */
  static async open(file: string | undefined): Promise<Usage> {
    const days = new Map<string, Map<string, Asked>>();
    const text = file && (await readFile(file, 'utf8').catch(() => undefined));
    try {
      for (const [day, list] of Object.entries(JSON.parse(text || '{}') as Record<string, Asked[]>)) {
        days.set(day, new Map(list.map((one) => [keyOf(one.token, one.sql), one])));
      }
    } catch {
      days.clear();
    }
    return new Usage(file, days);
  }

  count(token: string, sql: string, now = new Date()): void {
    if (sql.length > LONGEST) return;
    const day = now.toISOString().slice(0, 10);
    let asked = this.days.get(day);
    if (!asked) {
      this.days.set(day, (asked = new Map()));
      for (const old of [...this.days.keys()].sort().slice(0, -DAYS)) this.days.delete(old);
    }
    const key = keyOf(token, sql);
    const one = asked.get(key);
    if (one) one.count += 1;
    else if (asked.size < QUERIES) asked.set(key, { token, sql, count: 1 });
    this.changed = true;
  }

  /** @param day such as 2026-11-28 */
  of(day: string): Asked[] {
    return [...(this.days.get(day)?.values() ?? [])];
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.save();
  }

  /** One after the other; a reader of the file sees it whole. */
  private save(): Promise<void> {
    const { file } = this;
    if (file === undefined || !this.changed) return this.saving;
    this.changed = false;
    const content = Object.fromEntries([...this.days.keys()].map((day) => [day, this.of(day)]));
    this.saving = this.saving
      .catch(() => undefined)
      .then(async () => {
        await mkdir(dirname(file), { recursive: true, mode: 0o700 });
        await writeFile(`${file}.new`, JSON.stringify(content), { mode: 0o600 });
        await rename(`${file}.new`, file);
      });
    return this.saving;
  }
}

const keyOf = (token: string, sql: string): string => `${token}\n${sql}`;
