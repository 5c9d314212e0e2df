import { Pool, type PoolClient } from 'pg';
import { createDatabase } from './create-database';

/** What reads and writes within a transaction. */
export interface Transaction {
  rows<T extends object>(sql: string, values?: readonly unknown[]): Promise<T[]>;
}

/** A program's own database in PostgreSQL, with the schema of its version. */
export class Database {
  private constructor(private readonly pool: Pool) {}

  /**
   * Makes the database if there is none, and brings its schema up to date.
   *
   * @param migrations the schema, a step a version
   * @param warn told of connections that were lost
   * @throws Error when PostgreSQL can't be reached, or has a newer schema than this program
   */
  static async open(
    url: string,
    migrations: readonly string[],
    warn: (error: Error) => void,
  ): Promise<Database> {
    await createDatabase(url);
    const pool = new Pool({ connectionString: url, max: 8 });
    // An idle connection that PostgreSQL closed (it was restarted): the pool opens another.
    pool.on('error', warn);
    const database = new Database(pool);
    await database.migrate(decodeURIComponent(new URL(url).pathname.slice(1)), migrations);
    return database;
  }

  async rows<T extends object>(sql: string, values: readonly unknown[] = []): Promise<T[]> {
    return (await this.pool.query(sql, [...values])).rows as T[];
  }

  async row<T extends object>(sql: string, values: readonly unknown[] = []): Promise<T | undefined> {
    return (await this.rows<T>(sql, values))[0];
  }

  /** Does the work in one transaction, which is undone when it throws. */
  async transaction<R>(work: (transaction: Transaction) => Promise<R>): Promise<R> {
    const client = await this.pool.connect();
    let lost: Error | undefined;
    // Its statement fails as well, and says so.
    const onError = (error: Error): void => void (lost = error);
    client.on('error', onError);
    try {
      return await within(client, () =>
        work({
          rows: async <T extends object>(sql: string, values: readonly unknown[] = []) =>
            (await client.query(sql, [...values])).rows as T[],
        }),
      );
    } finally {
      client.off('error', onError);
      client.release(lost);
    }
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  /** Brings the schema up to date, one starter at a time. */
  private async migrate(name: string, migrations: readonly string[]): Promise<void> {
    await this.transaction(async (transaction) => {
      await transaction.rows('select pg_advisory_xact_lock(hashtext($1))', [`${name} migrations`]);
      await transaction.rows(
        'create table if not exists schema_versions (version integer primary key, applied_at timestamptz default now())',
      );
      const [{ version }] = (await transaction.rows<{ version: number }>(
        'select coalesce(max(version), 0) as version from schema_versions',
      )) as [{ version: number }];
      if (version > migrations.length)
        throw new Error(
          `the database ${name} has schema version ${version}, this program knows ${migrations.length}: deploy the newer version again`,
        );
      for (let next = version + 1; next <= migrations.length; next++) {
        await transaction.rows(migrations[next - 1]!);
        await transaction.rows('insert into schema_versions (version) values ($1)', [next]);
      }
    });
  }
}

async function within<R>(client: PoolClient, work: () => Promise<R>): Promise<R> {
  await client.query('begin');
  try {
    const done = await work();
    await client.query('commit');
    return done;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}
