import { defineService, pgReady } from '@stack/model';
import { kafka } from '@stack/kafka';

export const materialize = defineService({
  name: 'materialize',
  summary: 'Materialize: views on streams, always current',
  profiles: ['streaming'],
  ports: {
    sql: { number: 6875, protocol: 'postgresql', user: 'materialize' },
    console: { number: 6874, protocol: 'http' },
    http: { number: 6876, protocol: 'http' },
  },
  volumes: { data: '/mzdata' },
  uses: [kafka],
  ready: pgReady('sql'),
  native: { none: 'it is only published as an image' },
  docker: {
    image: 'materialize/materialized:v26.39.0',
    env: { MZ_NO_TELEMETRY: 1 },
    user: '999:999',
    writable: true,
    // Its own port for that, which needn't be seen outside.
    health: () => ['curl', '-fsS', '-o', '/dev/null', 'http://127.0.0.1:6878/api/readyz'],
    apart: { none: 'is only in the stack of one machine' },
  },
  aws: { none: 'nothing in production reads streams' },
  route: { port: 'console' },
  memory: '4Gi',
});
