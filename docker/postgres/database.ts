import { type PlanContext, type Value, StackError } from '@stack/model';

/**
 * Makes sure that the database named in the address exists. For units that keep their data in PostgreSQL, to call in their plan.
 * @param url address as `postgres.url('sql', { database })` gives it
 * @throws StackError when PostgreSQL can't be reached
 */
export async function ensureDatabase(context: PlanContext, url: Value): Promise<void> {
  const { Client } = await import('pg');
  const target = new URL(context.resolve(url));
  const database = target.pathname.slice(1);
  target.pathname = '/postgres';
  const client = new Client({ connectionString: target.href });
  try {
    await client.connect();
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [database]);
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(database)}`);
  } catch (error) {
    throw new StackError(
      'NO_DATABASE',
      `${context.unit}: the database ${database} can't be made at ${target.host}: ${(error as Error).message}`,
      'npx nx deploy postgres',
    );
  } finally {
    await client.end();
  }
}
