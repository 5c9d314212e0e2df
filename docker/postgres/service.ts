import { defineService, generated, own, pgReady } from '@stack/model';
import { planPostgres } from './native';

export const postgres = defineService({
  name: 'postgres',
  summary: 'PostgreSQL: what Dagster and other services remember',
  ports: { sql: { number: 5432, protocol: 'postgresql', user: 'postgres', password: 'password' } },
  // `reader` may read the published marts and nothing else; the pipeline makes the role.
  secrets: { password: generated(), reader: generated() },
  volumes: { data: '/var/lib/postgresql' },
  dumped: 'sql',
  ready: pgReady('sql'),
  native: { plan: planPostgres },
  docker: {
    image: 'postgres:18.4',
    command: ['docker-entrypoint.sh', 'postgres', '-c', 'max_connections=200', '-c', 'shared_buffers=64MB'],
    env: {
      POSTGRES_PASSWORD: own.secret('password'),
      // It sorts as it does natively; and a database that moves finds its locale there.
      POSTGRES_INITDB_ARGS: '--locale=C --encoding=UTF8',
    },
    // By TCP: while it initialises, it is there on its socket only.
    health: (_, port) => ['pg_isready', '-q', '-h', '127.0.0.1', '-p', String(port), '-U', 'postgres'],
    // Its entrypoint begins as root, makes the folder the server's, and becomes the server's user; to end that one in order, the
    // container's init, which stays root, needs KILL.
    capabilities: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'KILL', 'SETGID', 'SETUID'],
    writable: true,
  },
  aws: { resources: './aws' },
  memory: '256Mi',
});

/** Who grants leases where programs have no socket in common: an address of PostgreSQL, whose advisory locks they are. */
export const leases = postgres.url('sql', { database: 'postgres' });
