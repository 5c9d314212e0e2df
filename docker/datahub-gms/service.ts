import { curlHealth, defineService, generated, httpReady, own, text } from '@stack/model';
import { kafka } from '@stack/kafka';
import { opensearch } from '@stack/opensearch';
import { postgres } from '@stack/postgres';
import { made } from '@stack/postgres/made';

export const DATAHUB = 'v1.7.0';

export const datahubGms = defineService({
  name: 'datahub-gms',
  summary: "DataHub's service: metadata, lineage, search; emitters talk to it",
  profiles: ['datahub'],
  ports: { http: { number: 8083, inside: 8080, protocol: 'http' } },
  secrets: { system: generated(), signingKey: generated({ bytes: 32 }), salt: generated() },
  ready: httpReady('http', '/health'),
  native: { none: 'it needs OpenSearch, Kafka and some 4 GB; the catalogue without them comes later' },
  docker: {
    image: `acryldata/datahub-gms:${DATAHUB}`,
    command: ['/datahub/datahub-gms/scripts/start.sh'],
    env: {
      EBEAN_DATASOURCE_HOST: postgres.address('sql'),
      EBEAN_DATASOURCE_URL: text`jdbc:postgresql://${postgres.address('sql')}/datahub`,
      EBEAN_DATASOURCE_DRIVER: 'org.postgresql.Driver',
      EBEAN_DATASOURCE_USERNAME: 'postgres',
      EBEAN_DATASOURCE_PASSWORD: postgres.secret('password'),
      ELASTICSEARCH_HOST: opensearch.host('http'),
      ELASTICSEARCH_PORT: opensearch.port('http'),
      ELASTICSEARCH_PROTOCOL: 'http',
      ELASTICSEARCH_USE_SSL: false,
      ELASTICSEARCH_IMPLEMENTATION: 'opensearch',
      ELASTICSEARCH_INDEX_BUILDER_MAPPINGS_REINDEX: true,
      ELASTICSEARCH_INDEX_BUILDER_SETTINGS_REINDEX: true,
      GRAPH_SERVICE_IMPL: 'elasticsearch',
      KAFKA_BOOTSTRAP_SERVER: kafka.address('broker'),
      SCHEMA_REGISTRY_TYPE: 'INTERNAL',
      KAFKA_SCHEMAREGISTRY_URL: text`http://${own.host('http')}:${own.port('http')}/schema-registry/api/`,
      ENTITY_REGISTRY_CONFIG_PATH: '/datahub/datahub-gms/resources/entity-registry.yml',
      MAE_CONSUMER_ENABLED: true,
      MCE_CONSUMER_ENABLED: true,
      METADATA_SERVICE_AUTH_ENABLED: true,
      DATAHUB_SYSTEM_CLIENT_ID: '__datahub_system',
      DATAHUB_SYSTEM_CLIENT_SECRET: own.secret('system'),
      DATAHUB_TOKEN_SERVICE_SIGNING_KEY: own.secret('signingKey'),
      DATAHUB_TOKEN_SERVICE_SALT: own.secret('salt'),
      DATAHUB_TELEMETRY_ENABLED: false,
      JAVA_OPTS: '-Xms512m -Xmx1g',
    },
    first: {
      database: made({ databases: ['datahub'] }),
      // Tables, topics and indices, made or brought to this version.
      update: {
        image: `acryldata/datahub-upgrade:${DATAHUB}`,
        command: ['java', '-jar', '/datahub/datahub-upgrade/bin/datahub-upgrade.jar', '-u', 'SystemUpdate'],
        env: {
          DATAHUB_SQL_SETUP_ENABLED: true,
          DATAHUB_PRECREATE_TOPICS: true,
          SCHEMA_REGISTRY_SYSTEM_UPDATE: true,
          SPRING_KAFKA_PROPERTIES_AUTO_REGISTER_SCHEMAS: true,
          SPRING_KAFKA_PROPERTIES_USE_LATEST_VERSION: true,
          PARTITIONS: 1,
        },
      },
    },
    writable: true,
    health: curlHealth,
    apart: { none: 'DataHub has charts of its own for clusters' },
  },
  aws: { none: 'DataHub has charts of its own for clusters' },
  memory: '2Gi',
});
