import { curlHealth, defineService, generated, httpReady, own } from '@stack/model';
import { DATAHUB, datahubGms } from '@stack/datahub-gms';
import { kafka } from '@stack/kafka';
import { opensearch } from '@stack/opensearch';

export const datahubFrontend = defineService({
  name: 'datahub-frontend',
  summary: "DataHub's pages: catalogue and lineage (user: admin)",
  profiles: ['datahub'],
  ports: { http: { number: 9002, protocol: 'http' } },
  secrets: { admin: generated(), session: generated({ bytes: 48 }) },
  ready: httpReady('http', '/admin'),
  native: { none: 'it shows what DataHub has, which needs Docker' },
  docker: {
    image: `acryldata/datahub-frontend-react:${DATAHUB}`,
    command: ['/start.sh'],
    env: {
      SERVER_PORT: own.port('http'),
      // Its start script makes the user `admin` of it.
      ADMIN_PASSWORD: own.secret('admin'),
      DATAHUB_SECRET: own.secret('session'),
      DATAHUB_GMS_HOST: datahubGms.host('http'),
      DATAHUB_GMS_PORT: datahubGms.port('http'),
      DATAHUB_SYSTEM_CLIENT_ID: '__datahub_system',
      DATAHUB_SYSTEM_CLIENT_SECRET: datahubGms.secret('system'),
      DATAHUB_APP_VERSION: DATAHUB,
      DATAHUB_PLAY_MEM_BUFFER_SIZE: '10MB',
      DATAHUB_TRACKING_TOPIC: 'DataHubUsageEvent_v1',
      KAFKA_BOOTSTRAP_SERVER: kafka.address('broker'),
      ELASTIC_CLIENT_HOST: opensearch.host('http'),
      ELASTIC_CLIENT_PORT: opensearch.port('http'),
      METADATA_SERVICE_AUTH_ENABLED: true,
      JAVA_MEMORY_OPTS: '-Xms256m -Xmx512m',
    },
    writable: true,
    health: curlHealth,
    apart: { none: 'DataHub has charts of its own for clusters' },
  },
  aws: { none: 'DataHub has charts of its own for clusters' },
  route: { port: 'http' },
  memory: '1Gi',
});
