import { curlHealth, defineService, httpReady } from '@stack/model';

export const opensearch = defineService({
  name: 'opensearch',
  summary: "OpenSearch: DataHub's search and graph",
  profiles: ['datahub'],
  ports: { http: { number: 9200, protocol: 'http' } },
  volumes: { data: '/usr/share/opensearch/data' },
  env: {
    // Who can reach it is in the stack's network, or on this machine.
    DISABLE_SECURITY_PLUGIN: true,
    DISABLE_INSTALL_DEMO_CONFIG: true,
    OPENSEARCH_JAVA_OPTS: '-Xms512m -Xmx1g',
  },
  ready: httpReady('http', '/_cluster/health?wait_for_status=yellow&timeout=0s'),
  native: { none: 'only DataHub needs it' },
  docker: {
    image: 'opensearchproject/opensearch:2.19.3',
    command: [
      '/usr/share/opensearch/opensearch-docker-entrypoint.sh',
      'opensearch',
      '-Ediscovery.type=single-node',
      '-Ehttp.port=9200',
    ],
    user: '1000:1000',
    writable: true,
    health: curlHealth,
    apart: { none: 'is only in the stack of one machine' },
  },
  aws: { none: "only DataHub needs it, which isn't there" },
  memory: '2Gi',
});
