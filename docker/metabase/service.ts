import { curlHealth, defineService, generated, httpReady, own } from '@stack/model';
import { postgres } from '@stack/postgres';
import { made } from '@stack/postgres/made';
import { setUp } from './set-up';

const READER = { name: 'reader', password: postgres.secret('reader') };

export const metabase = defineService({
  name: 'metabase',
  summary: 'Metabase: questions and dashboards on the published marts',
  ports: { http: { number: 3003, inside: 3000, protocol: 'http' } },
  secrets: { admin: generated(), encryption: generated({ bytes: 32 }) },
  uses: [postgres],
  ready: httpReady('http', '/api/health'),
  native: { none: 'no package registry has it' },
  setUp,
  docker: {
    image: 'metabase/metabase:v0.56.4',
    command: ['/app/run_metabase.sh'],
    // The role is the pipeline's too; whoever comes first makes it.
    first: { database: made({ databases: ['metabase', 'marts'], reader: READER }) },
    env: {
      MB_DB_TYPE: 'postgres',
      MB_DB_HOST: postgres.host('sql'),
      MB_DB_PORT: postgres.port('sql'),
      MB_DB_DBNAME: 'metabase',
      MB_DB_USER: 'postgres',
      MB_DB_PASS: postgres.secret('password'),
      MB_JETTY_PORT: own.port('http'),
      MB_ENCRYPTION_SECRET_KEY: own.secret('encryption'),
      MB_PLUGINS_DIR: '/tmp/plugins',
      MB_ANON_TRACKING_ENABLED: 'false',
      MB_CHECK_FOR_UPDATES: 'false',
      MB_LOAD_SAMPLE_CONTENT: 'false',
      JAVA_OPTS: '-Xmx1g',
    },
    // As root it would become another user, for which it would need rights.
    user: '2000:2000',
    health: curlHealth,
    apart: { none: 'a second one beside the own BI of whoever has a cluster' },
  },
  aws: { none: 'Evidence shows the marts there' },
  route: { port: 'http' },
  memory: '1536Mi',
});
