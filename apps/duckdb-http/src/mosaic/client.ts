import { RequestError } from '@stack/http-server';
import type { Grant } from '../access/grant';
import type { Database } from '../database';
import { STREAMED } from '../formats';
import { checkSize } from '../formats/format';
import type { Reading } from '../routes/reading';
import { readStatement, splitStatements } from './statement';
import { SCHEMAS, Workspace } from './workspace';

/** What Mosaic's clients send. */
export interface MosaicRequest {
  type: 'arrow' | 'json' | 'exec';
  sql: string;
}

/** Statements that one client may have made. */
const MOST_MADE = 1_000;

/** Lets no more than so many clients have a workspace at once: who needs one takes it from the one that was idle longest. */
export class Places {
  /** The longest idle first. */
  private readonly holders = new Set<MosaicClient>();

  constructor(private readonly limit: number) {}

  /** @throws RequestError 429 when all are at work */
  take(client: MosaicClient): void {
    if (!this.holders.delete(client) && this.holders.size >= this.limit) {
      const idle = [...this.holders].find((holder) => !holder.isBusy);
      if (!idle) {
        throw new RequestError(429, 'too_many_workspaces', 'too many clients use temporary objects at once', {
          remedy: 'ask again, or raise WORKSPACES',
          headers: { 'retry-after': '1' },
        });
      }
      idle.leave();
    }
    this.holders.add(client);
  }

  free(client: MosaicClient): void {
    this.holders.delete(client);
  }
}

/**
 * One client of Mosaic's protocol. It reads the newest snapshot, and what it has made by `exec` besides. On a new
 * snapshot that is made anew, and when its workspace was given to another.
 */
export class MosaicClient {
  private workspace: Workspace | undefined;
  isBusy = false;
  /** What made the temporary objects, in order. */
  private readonly made: string[] = [];
  /** One request after the other: a query may need the table that the request before it makes. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly reading: Pick<Reading, 'databases' | 'settings'>,
    private readonly places: Places,
    private readonly grant: Grant,
  ) {}

  /**
   * Answers a request, after those that came before it.
   *
   * @returns JSON, an Arrow stream, or nothing for `exec`
   * @throws RequestError
   */
  answer(request: MosaicRequest, signal: AbortSignal): Promise<Buffer | undefined> {
    const next = this.last.then(() =>
      this.reading.databases.use((database) =>
        request.type === 'exec'
          ? this.exec(database, request.sql, signal)
          : this.query(database, request.sql, request.type === 'json' ? 'rows' : 'arrow', signal),
      ),
    );
    this.last = next.catch(() => undefined);
    return next;
  }

  /** Ends what is left of it. */
  close(): void {
    void this.last.then(() => this.leave());
  }

  private async exec(database: Database, sql: string, signal: AbortSignal): Promise<undefined> {
    const statements = splitStatements(sql).map(readStatement);
    for (const one of statements)
      if (one.kind === 'create') await database.checker.check(one.select, this.grant, SCHEMAS);
    const wanted = statements.flatMap((one) => (one.kind === 'none' ? [] : one.sql));
    if (this.made.length + wanted.length > MOST_MADE) {
      throw new RequestError(
        429,
        'too_many_objects',
        `this client has made ${this.made.length} temporary objects`,
        {
          remedy: 'load the page anew',
        },
      );
    }
    await this.inWorkspace(database, signal, async (workspace) => {
      for (const one of wanted) {
        await workspace.run(one, signal);
        this.made.push(one);
      }
    });
  }

  private async query(
    database: Database,
    sql: string,
    form: 'arrow' | 'rows',
    signal: AbortSignal,
  ): Promise<Buffer> {
    const { grant } = this;
    await database.checker.check(sql, grant, SCHEMAS);
    const pieces: Uint8Array[] = [];
    const most = Math.min(grant.maxBytes ?? Infinity, this.reading.settings.answerLimit);
    let bytes = 0;
    const write = (piece: Uint8Array): undefined => {
      bytes += piece.length;
      checkSize(bytes, most);
      pieces.push(piece);
    };
    const query = { sql, params: [], rowLimit: grant.maxRows, signal, grant };
    if (this.made.length === 0) await database.stream(query, STREAMED[form], write);
    else await this.inWorkspace(database, signal, (workspace) => workspace.query(query, form, write));
    return Buffer.concat(pieces);
  }

  private inWorkspace(
    database: Database,
    signal: AbortSignal,
    work: (workspace: Workspace) => Promise<void>,
  ): Promise<void> {
    return database.turns.take(this.grant, signal, async () => {
      this.places.take(this);
      this.isBusy = true;
      try {
        await work(await this.workspaceOn(database, signal));
      } finally {
        this.isBusy = false;
      }
    });
  }

  private async workspaceOn({ snapshot }: Database, signal: AbortSignal): Promise<Workspace> {
    if (this.workspace?.snapshot.path === snapshot.path) return this.workspace;
    this.workspace?.close();
    this.workspace = undefined;
    const { settings } = this.reading;
    const opened = await Workspace.open(snapshot, this.grant.memory ?? settings.workspaceMemory, settings);
    try {
      for (const sql of this.made) await opened.run(sql, signal);
    } catch (error) {
      opened.close();
      throw error;
    }
    return (this.workspace = opened);
  }

  /** Gives up its workspace; what it has made is made anew when it is needed. */
  leave(): void {
    this.workspace?.close();
    this.workspace = undefined;
    this.places.free(this);
  }
}
