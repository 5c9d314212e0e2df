import { createDatabase } from '@stack/postgres/create-database';
import { Pool, type QueryResultRow } from 'pg';
import { MIGRATIONS } from './migrations';

/** PostgreSQL, with the schema of this version. */
export class Database {
  private constructor(private readonly pool: Pool) {}

  /**
   * Makes the database if there is none, and brings its schema up to date.
   *
   * @throws Error when PostgreSQL can't be reached, or has a newer schema than this program
   */
  static async open(url: string, warn: (error: Error) => void): Promise<Database> {
    await createDatabase(url);
    const pool = new Pool({ connectionString: url, max: 8 });
    // An idle connection that PostgreSQL closed (it was restarted): the pool opens another.
    pool.on('error', warn);
    const database = new Database(pool);
    await database.migrate();
    return database;
  }

  async rows<T extends QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<T[]> {
    return (await this.pool.query<T>(sql, [...values])).rows;
  }

  async row<T extends QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<T | undefined> {
    return (await this.rows<T>(sql, values))[0];
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  /** Brings the schema up to date, one starter at a time. */
  private async migrate(): Promise<void> {
    const client = await this.pool.connect();
    try {
      await client.query('begin');
      await client.query("select pg_advisory_xact_lock(hashtext('ingestion migrations'))");
      await client.query(
        'create table if not exists schema_versions (version integer primary key, applied_at timestamptz default now())',
      );
      const { rows } = await client.query<{ version: number }>(
        'select coalesce(max(version), 0) as version from schema_versions',
      );
      const { version } = rows[0];
      if (version > MIGRATIONS.length)
        throw new Error(
          `the database ingestion has schema version ${version}, this program knows ${MIGRATIONS.length}: deploy the newer version again`,
        );
      for (let next = version + 1; next <= MIGRATIONS.length; next++) {
        await client.query(MIGRATIONS[next - 1]);
        await client.query('insert into schema_versions (version) values ($1)', [next]);
      }
      await client.query('commit');
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
  }
}
