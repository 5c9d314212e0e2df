import { type DuckDBConnection, DuckDBInstance, type DuckDBPreparedStatement } from '@duckdb/node-api';
import type { LocalSnapshot } from '@stack/snapshot';
import { type Answer, execute, type Query, stream } from './execute';
import type { Format } from './formats/format';
import { Pool } from './pool';
import { checkTree, type SyntaxTree } from './sandbox/check';
import { answersDir, engineOptions } from './sandbox/engine';
import { Session } from './session';
import type { Settings } from './settings';

export interface TableInfo {
  name: string;
  rows: number;
  columns: { name: string; type: string }[];
}

/** Texts of SQL that passed the check, so that asking again costs nothing. */
const CHECKED = { entries: 1_000, length: 8_192 };

/** One snapshot, open: a locked engine, a pool of connections for queries, and one of its own for checking SQL. */
export class Database {
  private readonly checked = new Set<string>();

  private constructor(
    readonly snapshot: LocalSnapshot,
    readonly tables: TableInfo[],
    private readonly instance: DuckDBInstance,
    private readonly own: DuckDBConnection,
    private readonly sessions: Session[],
    private readonly pool: Pool<Session>,
    private readonly checker: Pool<DuckDBPreparedStatement>,
    private readonly internal: ReadonlySet<string>,
    private readonly settings: Settings,
  ) {}

  static async open(snapshot: LocalSnapshot, settings: Settings): Promise<Database> {
    const instance = await DuckDBInstance.create(snapshot.path, engineOptions(settings));
    try {
      const own = await instance.connect();
      const sessions = await Promise.all(
        Array.from({ length: settings.connections }, async () => new Session(await instance.connect())),
      );
      return new Database(
        snapshot,
        await readTables(own),
        instance,
        own,
        sessions,
        new Pool(sessions, settings.queueLimit),
        new Pool([await own.prepare('SELECT json_serialize_sql($1::VARCHAR)')], Number.MAX_SAFE_INTEGER),
        await readInternal(own),
        settings,
      );
    } catch (error) {
      instance.closeSync();
      throw error;
    }
  }

  /**
   * Checks the SQL against the sandbox's rules, then runs it.
   *
   * @throws RequestError
   */
  async query(query: Query): Promise<Answer> {
    await this.check(query.sql, query.signal);
    return this.pool.lend((session) => execute(session, query, this.settings.answerLimit), query.signal);
  }

  /**
   * The same in a form that goes out while the query runs.
   *
   * @param write takes a piece of the answer; resolves when it can take more
   * @throws RequestError also in mid-stream
   */
  async stream(query: Query, format: Format, write: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    await this.check(query.sql, query.signal);
    const { signal } = query;
    const { answerLimit, snapshotDir, spillLimit } = this.settings;
    const room = { memory: answerLimit, dir: answersDir(snapshotDir), disk: spillLimit, signal };
    return this.pool.lend((session) => stream(session, query, format, room, write), signal);
  }

  close(): void {
    for (const session of this.sessions) session.close();
    this.own.closeSync();
    this.instance.closeSync();
  }

  private async check(sql: string, signal: AbortSignal): Promise<void> {
    if (this.checked.has(sql)) return;
    const json = await this.checker.lend(async (statement) => {
      statement.bindVarchar(1, sql);
      return (await statement.runAndReadAll()).value(0, 0);
    }, signal);
    checkTree(JSON.parse(String(json)) as SyntaxTree, this.internal);
    if (sql.length > CHECKED.length) return;
    if (this.checked.size >= CHECKED.entries) this.checked.clear();
    this.checked.add(sql);
  }
}

async function readTables(connection: DuckDBConnection): Promise<TableInfo[]> {
  const names = await connection.runAndReadAll(
    `SELECT t.table_name, t.estimated_size::DOUBLE, list({name: c.column_name, type: c.data_type} ORDER BY c.column_index)
     FROM duckdb_tables() t JOIN duckdb_columns() c USING (table_oid, schema_name, database_name)
     WHERE NOT t.internal GROUP BY ALL ORDER BY ALL`,
  );
  return names.getRowsJson().map(([name, rows, columns]) => ({
    name: String(name),
    rows: Number(rows),
    columns: columns as TableInfo['columns'],
  }));
}

/** Names of DuckDB's own views that an unqualified name can reach; some show paths and settings. */
async function readInternal(connection: DuckDBConnection): Promise<ReadonlySet<string>> {
  const names = await connection.runAndReadAll(
    `SELECT lower(view_name) FROM duckdb_views() WHERE internal AND schema_name <> 'information_schema'`,
  );
  return new Set(names.getRowsJson().map(([name]) => String(name)));
}
