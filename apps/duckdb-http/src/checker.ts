import { LRUCache } from 'lru-cache';
import { type Grant, mayRead, mayReadAll } from './access/grant';
import { checkTree, type Findings, type SyntaxTree } from './sandbox/check';
import type { Session } from './session';

/** Characters of SQL whose verdict is kept, so that asking again costs nothing. */
const KEPT = 2_097_152;

/** Reads SQL before the engine runs it, by the engine's own parser. */
export class Checker {
  private readonly verdicts = new LRUCache<string, Findings>({
    maxSize: KEPT,
    sizeCalculation: (_, key) => key.length,
  });
  /** A statement serves one text at a time. */
  private busy: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly session: Session,
    private readonly internal: ReadonlySet<string>,
    private readonly tables: ReadonlySet<string>,
  ) {}

  /**
   * @param session that is used for nothing else
   * @param tables of the snapshot
   */
  static async open(session: Session, tables: readonly string[]): Promise<Checker> {
    const internal = await session.withStatement(
      `SELECT lower(view_name) FROM duckdb_views() WHERE internal AND schema_name <> 'information_schema'`,
      [],
      async (statement) => (await statement.runAndReadAll()).getRowsJson(),
    );
    return new Checker(
      session,
      new Set(internal.map(([name]) => String(name))),
      new Set(tables.map((name) => name.toLowerCase())),
    );
  }

  /**
   * @param schemas whose tables may be read besides the snapshot's
   * @throws RequestError when it isn't one SELECT that the sandbox and the grant allow
   */
  async check(sql: string, grant: Grant, schemas: readonly string[] = []): Promise<Findings> {
    // By the rights, not by the token's name: another token may have that name tomorrow.
    const key = JSON.stringify([grant.tables, schemas, sql]);
    const known = this.verdicts.get(key);
    if (known) return known;
    const parsed = this.busy.then(() =>
      this.session.withStatement('SELECT json_serialize_sql($1::VARCHAR)', [sql], async (statement) =>
        String((await statement.runAndReadAll()).value(0, 0)),
      ),
    );
    this.busy = parsed.catch(() => undefined);
    const findings = checkTree(JSON.parse(await parsed) as SyntaxTree, {
      internal: this.internal,
      schemas,
      mayList: mayReadAll(grant),
      // What is no table of the snapshot is a name that the query itself gives, or a mistake.
      mayRead: (table) => !this.tables.has(table) || mayRead(grant, table),
    });
    this.verdicts.set(key, findings);
    return findings;
  }
}
