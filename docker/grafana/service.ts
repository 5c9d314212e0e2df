import { defineService, generated, httpReady, own, wgetHealth } from '@stack/model';
import { prometheus } from '@stack/prometheus';

export const grafana = defineService({
  name: 'grafana',
  summary: 'Grafana: dashboards of the metrics (user: admin)',
  profiles: ['observability'],
  ports: { http: { number: 3002, inside: 3000, protocol: 'http' } },
  secrets: { admin: generated() },
  volumes: { config: '/etc/grafana/provisioning', data: '/var/lib/grafana' },
  uses: [prometheus],
  ready: httpReady('http', '/api/health'),
  native: { none: 'no package registry has it' },
  docker: {
    image: 'grafana/grafana:12.1.1',
    command: ['/run.sh'],
    env: {
      GF_SECURITY_ADMIN_PASSWORD: own.secret('admin'),
      GF_ANALYTICS_REPORTING_ENABLED: false,
      GF_ANALYTICS_CHECK_FOR_UPDATES: false,
      GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: false,
      GF_PLUGINS_PREINSTALL_DISABLED: true,
    },
    user: '472:0',
    health: wgetHealth,
    apart: { none: 'clusters have one of their own' },
  },
  aws: { none: 'CloudWatch has its part there' },
  route: { port: 'http' },
  memory: '256Mi',
  metrics: { port: 'http' },
  collect: {
    into: 'config',
    files: (_, context) => ({
      'datasources/prometheus.yml': JSON.stringify(
        {
          apiVersion: 1,
          datasources: [
            {
              name: 'Prometheus',
              type: 'prometheus',
              access: 'proxy',
              url: context.inside(prometheus.url('http')),
              isDefault: true,
            },
          ],
        },
        null,
        2,
      ),
    }),
  },
});
