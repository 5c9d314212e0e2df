import { type Once, type Value } from '@stack/model';
import { postgres } from './service';

interface Made {
  readonly databases: readonly string[];
  /** A role that may log in, with its password. */
  readonly reader?: { readonly name: string; readonly password: Value };
}

const DATABASES = `select format('create database %I', name) from unnest(string_to_array(:'databases', ',')) name
 where not exists (select from pg_database where datname = name) \\gexec`;
const READER = `select format('create role %I login password %L', :'reader', :'password')
 where not exists (select from pg_roles where rolname = :'reader') \\gexec`;

/** Databases, and a role, made before a service of somebody else's starts, which can't make its own. */
export const made = ({ databases, reader }: Made): Once => ({
  image: postgres.docker?.image,
  command: [
    'sh',
    '-c',
    `printf '%s\\n' "$SQL" | psql -qv ON_ERROR_STOP=1 -v databases="$DATABASES" -v reader="$READER" -v password="$READER_PASSWORD" "$SERVER"`,
  ],
  env: {
    SERVER: postgres.url('sql', { database: 'postgres' }),
    SQL: [DATABASES, ...(reader ? [READER] : [])].join('\n'),
    DATABASES: databases.join(','),
    ...(reader && { READER: reader.name, READER_PASSWORD: reader.password }),
  },
  user: '10001:10001',
});
