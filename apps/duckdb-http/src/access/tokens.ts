import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RequestError } from '@stack/http-server';
import { ALL_TABLES, type Grant } from './grant';

/** What is kept of a token: never the token itself. */
export interface Kept extends Partial<Omit<Grant, 'admin'>> {
  name: string;
  sha256: string;
  createdAt: string;
  /** ISO 8601; after it the token is refused. */
  expiresAt?: string;
}

/** The tokens of this server: the one that the stack made, which may do all, and those that were made with it. */
export class Tokens {
  private kept = new Map<string, Kept>();
  private grants = new Map<string, Grant>();
  private readonly root: Grant;
  private readonly rootHash: Buffer;
  private saving: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly file: string | undefined,
    rootToken: string,
    private readonly concurrency: number,
  ) {
    this.root = { name: 'root', tables: ALL_TABLES, admin: true, concurrency };
    this.rootHash = digest(rootToken);
  }

  /**
   * @param file JSON with the tokens' hashes; undefined: there is only the stack's own
   * @param concurrency queries at once of a token that says nothing else
   * @throws Error when the file is damaged
   */
  static async open(file: string | undefined, rootToken: string, concurrency: number): Promise<Tokens> {
    const tokens = new Tokens(file, rootToken, concurrency);
    if (file === undefined) return tokens;
    try {
      const list = JSON.parse(await readFile(file, 'utf8')) as Kept[];
      for (const one of list) tokens.add(one);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return tokens;
      throw new Error(`${file}: the tokens can't be read: ${String(error)}`, { cause: error });
    }
    return tokens;
  }

  find(token: string): Grant | undefined {
    const hash = digest(token);
    if (timingSafeEqual(hash, this.rootHash)) return this.root;
    const key = hash.toString('hex');
    const expires = this.kept.get(key)?.expiresAt;
    if (expires !== undefined && Date.parse(expires) <= Date.now()) return undefined;
    return this.grants.get(key);
  }

  list(): Omit<Kept, 'sha256'>[] {
    return [...this.kept.values()].map(({ sha256: _, ...shown }) => shown);
  }

  /** @returns the token, which is told only here */
  async create(wanted: Omit<Kept, 'sha256' | 'createdAt'>): Promise<string> {
    if (wanted.name === this.root.name || this.list().some(({ name }) => name === wanted.name)) {
      throw new RequestError(409, 'token_exists', `there is a token ${wanted.name} already`, {
        remedy: `choose another name, or DELETE /v1/tokens/${encodeURIComponent(wanted.name)} first`,
      });
    }
    if (wanted.expiresAt !== undefined && Date.parse(wanted.expiresAt) <= Date.now())
      throw new RequestError(400, 'invalid_request', `expiresAt ${wanted.expiresAt} is over already`, {
        remedy: 'give a time to come, or none',
      });
    const token = `dh_${randomBytes(24).toString('base64url')}`;
    const sha256 = digest(token).toString('hex');
    this.add({ ...wanted, sha256, createdAt: new Date().toISOString() });
    await this.save().catch((error: unknown) => {
      this.drop(sha256);
      throw error;
    });
    return token;
  }

  async remove(name: string): Promise<void> {
    const found = [...this.kept.values()].find((one) => one.name === name);
    if (!found) {
      throw new RequestError(404, 'unknown_token', `there is no token ${name}`, {
        remedy: 'GET /v1/tokens lists them',
      });
    }
    this.drop(found.sha256);
    await this.save();
  }

  private add(one: Kept): void {
    const { sha256, createdAt: _c, expiresAt: _e, tables = ALL_TABLES, concurrency, ...limits } = one;
    this.kept.set(sha256, one);
    this.grants.set(sha256, {
      ...limits,
      tables,
      admin: false,
      concurrency: Math.min(concurrency ?? this.concurrency, this.concurrency),
    });
  }

  private drop(sha256: string): void {
    this.kept.delete(sha256);
    this.grants.delete(sha256);
  }

  /** One after the other; a reader of the file sees it whole. */
  private save(): Promise<void> {
    const { file } = this;
    if (file === undefined) {
      throw new RequestError(501, 'tokens_not_kept', 'this server has no place to keep tokens', {
        remedy: 'set TOKENS_FILE',
      });
    }
    const next = this.saving.then(async () => {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      const beside = `${file}.new`;
      await writeFile(beside, `${JSON.stringify([...this.kept.values()], null, 2)}\n`, { mode: 0o600 });
      await rename(beside, file);
    });
    this.saving = next.catch(() => undefined);
    return next;
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
