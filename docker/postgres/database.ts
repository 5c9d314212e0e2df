import { type PlanContext, type Value, StackError } from '@stack/model';
import { createDatabase } from './create-database';

/**
 * Makes sure that the database named in the address exists. For units that keep their data in PostgreSQL, to call in their plan.
 * @param url address as `postgres.url('sql', { database })` gives it
 * @throws StackError when PostgreSQL can't be reached
 */
export async function ensureDatabase(context: PlanContext, url: Value): Promise<void> {
  const target = new URL(context.resolve(url));
  try {
    await createDatabase(target.href);
  } catch (error) {
    throw new StackError(
      'NO_DATABASE',
      `${context.unit}: the database ${target.pathname.slice(1)} can't be made at ${target.host}: ${(error as Error).message}`,
      'npx nx deploy postgres',
    );
  }
}
