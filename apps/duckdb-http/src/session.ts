import type { DuckDBConnection, DuckDBPreparedStatement } from '@duckdb/node-api';
import { LRUCache } from 'lru-cache';
import type { Column } from './formats/format';
import { bindParameters, type Parameters } from './parameters';

/** Characters of SQL whose statements and columns a connection keeps. */
const KEPT = 131_072;

/** What is known of a query before it runs. */
export interface Described {
  columns: Column[];
  /** As the query calls them: two may have one name. */
  names: readonly string[];
  /** SQL that reads from it. */
  from: string;
}

/** A connection that keeps what it has prepared: to parse and plan a small query takes longer than to run it. */
export class Session {
  private readonly statements = new LRUCache<string, DuckDBPreparedStatement>({
    maxSize: KEPT,
    sizeCalculation: (_, sql) => sql.length + 1,
    dispose: (statement) => statement.destroySync(),
  });
  private readonly described = new LRUCache<string, Described>({
    maxSize: KEPT,
    sizeCalculation: (_, sql) => sql.length + 1,
  });

  /** Queries whose last answer was small, and the names of their columns. */
  readonly small = new LRUCache<string, readonly string[]>({
    maxSize: KEPT,
    sizeCalculation: (_, sql) => sql.length + 1,
  });

  constructor(private readonly connection: DuckDBConnection) {}

  /** Lends a statement with its parameters bound. */
  withStatement<R>(
    sql: string,
    params: Parameters,
    work: (statement: DuckDBPreparedStatement) => Promise<R>,
  ): Promise<R> {
    return this.withPrepared(sql, (statement) => {
      bindParameters(statement, params);
      return work(statement);
    });
  }

  /** Lends a statement as it was parsed. */
  async withPrepared<R>(
    sql: string,
    work: (statement: DuckDBPreparedStatement) => R | Promise<R>,
  ): Promise<R> {
    let statement = this.statements.get(sql);
    const kept = sql.length < KEPT;
    if (!statement) {
      statement = await this.connection.prepare(sql);
      if (kept) this.statements.set(sql, statement);
    }
    try {
      return await work(statement);
    } finally {
      if (!kept) statement.destroySync();
    }
  }

  /** What `describe` finds out of a query. Asked each time when there are parameters, whose values may decide on types. */
  async columnsOf(sql: string, params: Parameters, describe: () => Promise<Described>): Promise<Described> {
    const known = this.described.get(sql);
    if (known) return known;
    const found = await describe();
    if (Object.keys(params).length === 0) this.described.set(sql, found);
    return found;
  }

  /** Runs what gives no rows. */
  async run(sql: string): Promise<void> {
    await this.connection.run(sql);
  }

  interrupt(): void {
    this.connection.interrupt();
  }

  /**
   * Gives up a result that wasn't read to its end: its memory, and what still works for it.
   *
   * @param next the chunk that is being fetched
   */
  async giveUp(next: Promise<unknown>): Promise<void> {
    const repeat = setInterval(() => this.interrupt(), 20);
    this.interrupt();
    await next.catch(() => undefined);
    clearInterval(repeat);
    await this.connection.run('SELECT 1').catch(() => undefined);
  }

  close(): void {
    this.statements.clear();
    this.connection.closeSync();
  }
}
