import { defineService, generated, own, pgReady } from '@stack/model';
import { planPostgres } from './native';

export const postgres = defineService({
  name: 'postgres',
  summary: 'PostgreSQL: what Dagster and other services remember',
  ports: { sql: { number: 5432, protocol: 'postgresql', user: 'postgres', password: 'password' } },
  // `reader` may read the published marts and nothing else; the pipeline makes the role.
  secrets: { password: generated(), reader: generated() },
  volumes: { data: '/var/lib/postgresql' },
  ready: pgReady('sql'),
  native: { plan: planPostgres },
  docker: {
    image: 'postgres:18.4',
    env: { POSTGRES_PASSWORD: own.secret('password') },
    health: () => ['pg_isready', '-U', 'postgres'],
  },
  aws: { resources: './aws' },
  memory: '256Mi',
});
