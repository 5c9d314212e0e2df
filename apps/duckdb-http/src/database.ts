import type { LocalSnapshot } from '@stack/snapshot';
import { type Grant, mayRead } from './access/grant';
import { Checker } from './checker';
import { Engine } from './engine';
import { type Answer, execute, type Query, stream } from './execute';
import type { Format } from './formats/format';
import type { Findings } from './sandbox/check';
import { answersDir } from './sandbox/engine';
import type { Session } from './session';
import type { Settings } from './settings';
import { Turns } from './turns';

export interface TableInfo {
  name: string;
  rows: number;
  columns: { name: string; type: string }[];
}

/** A query, and whose it is. */
export interface GrantedQuery extends Query {
  grant: Grant;
}

/** One snapshot, open for queries. */
export class Database {
  /** Engines of tokens with memory of their own, by that. */
  private readonly others = new Map<string, Promise<Engine>>();

  private constructor(
    readonly snapshot: LocalSnapshot,
    readonly tables: TableInfo[],
    readonly checker: Checker,
    private readonly engine: Engine,
    readonly turns: Turns,
    private readonly settings: Settings,
  ) {}

  static async open(snapshot: LocalSnapshot, settings: Settings): Promise<Database> {
    const engine = await Engine.open(snapshot.path, settings);
    try {
      const tables = await engine.lend(readTables);
      const checker = await Checker.open(
        await engine.own(),
        tables.map(({ name }) => name),
      );
      const turns = new Turns(settings.connections, settings.queueLimit);
      return new Database(snapshot, tables, checker, engine, turns, settings);
    } catch (error) {
      engine.close();
      throw error;
    }
  }

  /** The tables that a token may read. */
  tablesFor(grant: Grant): TableInfo[] {
    return this.tables.filter(({ name }) => mayRead(grant, name));
  }

  /**
   * Checks the SQL against the sandbox's rules and the grant.
   *
   * @throws RequestError
   */
  check({ sql, grant }: Pick<GrantedQuery, 'sql' | 'grant'>): Promise<Findings> {
    return this.checker.check(sql, grant);
  }

  /**
   * Runs a query that was checked.
   *
   * @throws RequestError
   */
  async query(query: GrantedQuery): Promise<Answer> {
    const { grant, signal } = query;
    const engine = await this.engineOf(grant);
    return this.turns.take(grant, signal, () =>
      engine.lend((session) => execute(session, query, this.settings.answerLimit)),
    );
  }

  /**
   * The same in a form that goes out while the query runs.
   *
   * @param write takes a piece of the answer; returns a promise when the caller has to take it first
   * @throws RequestError also in mid-stream
   */
  async stream(query: GrantedQuery, format: Format, write: Write): Promise<void> {
    const { grant, signal } = query;
    const { answerLimit, snapshotDir, spillLimit } = this.settings;
    const room = { memory: answerLimit, dir: answersDir(snapshotDir), disk: spillLimit, signal };
    const engine = await this.engineOf(grant);
    return this.turns.take(grant, signal, (turn) =>
      engine.lend((session) =>
        stream(session, query, format, room, async (bytes) => {
          const taken = write(bytes);
          if (taken) await turn.pause(taken);
        }),
      ),
    );
  }

  close(): void {
    this.engine.close();
    for (const other of this.others.values())
      void other.then(
        (engine) => engine.close(),
        () => undefined,
      );
  }

  private async engineOf({ memory }: Grant): Promise<Engine> {
    if (memory === undefined || memory === this.settings.memoryLimit) return this.engine;
    const found = this.others.get(memory);
    if (found) return found;
    const opened = Engine.open(this.snapshot.path, { ...this.settings, memoryLimit: memory });
    this.others.set(memory, opened);
    opened.catch(() => this.others.delete(memory));
    return opened;
  }
}

/** Undefined: more may come at once. */
export type Write = (bytes: Uint8Array) => Promise<void> | undefined;

async function readTables(session: Session): Promise<TableInfo[]> {
  const sql = `SELECT t.table_name, t.estimated_size::DOUBLE, list({name: c.column_name, type: c.data_type} ORDER BY c.column_index)
     FROM duckdb_tables() t JOIN duckdb_columns() c USING (table_oid, schema_name, database_name)
     WHERE NOT t.internal GROUP BY ALL ORDER BY ALL`;
  return session.withStatement(sql, [], async (statement) =>
    (await statement.runAndReadAll()).getRowsJson().map(([name, rows, columns]) => ({
      name: String(name),
      rows: Number(rows),
      columns: columns as TableInfo['columns'],
    })),
  );
}
