/** What a PostgreSQL server has, so that two can be compared: each table's rows and a sum over them. */
import { Client } from 'pg';
import { HOST } from '../native/resolver';

/** Of the superuser of a server that listens on this machine. */
export interface Login {
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** Values are written the same way whatever the server's settings are. */
const OPTIONS = '-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c bytea_output=hex';

const DATABASES =
  'select datname as name from pg_database where not datistemplate and datallowconn order by 1';

const ROLES = "select rolname as name from pg_roles where rolname !~ '^pg_' order by 1";

/** Tables, materialised views and sequences that aren't the server's own. */
const RELATIONS = `
  select c.relkind as kind, format('%I.%I', n.nspname, c.relname) as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'm', 'S') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
  order by 2`;

const contentOf = ({ kind, name }: { kind: string; name: string }): string =>
  kind === 'S'
    ? `select format('%s %s', last_value, is_called) as content from ${name}`
    : `select format('%s rows, sum %s', count(*), sum(hashtextextended(the_row::text, 0))) as content from ${name} the_row`;

export async function databasesAt(login: Login): Promise<string[]> {
  return asked(login, 'postgres', async (query) =>
    (await query<{ name: string }>(DATABASES)).map(({ name }) => name),
  );
}

/** `database schema.table` → its rows; also sequences and roles. */
export async function rowsAt(login: Login): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const database of await databasesAt(login))
    await asked(login, database, async (query) => {
      if (found.size === 0)
        for (const { name } of await query<{ name: string }>(ROLES)) found.set(`role ${name}`, '');
      for (const relation of await query<{ kind: string; name: string }>(RELATIONS)) {
        const [{ content }] = await query<{ content: string }>(contentOf(relation));
        found.set(`${database} ${relation.name}`, content);
      }
    });
  return found;
}

type Query = <R>(sql: string) => Promise<R[]>;

async function asked<T>(
  { port, user, password }: Login,
  database: string,
  ask: (query: Query) => Promise<T>,
): Promise<T> {
  const client = new Client({ host: HOST, port, user, password, database, options: OPTIONS });
  await client.connect();
  try {
    return await ask(async <R>(sql: string) => (await client.query(sql)).rows as R[]);
  } finally {
    await client.end();
  }
}
