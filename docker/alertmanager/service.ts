import { defineService, httpReady, wgetHealth } from '@stack/model';

export const alertmanager = defineService({
  name: 'alertmanager',
  summary: 'Alertmanager: groups alerts and sends them on',
  profiles: ['observability'],
  ports: { http: { number: 9093, protocol: 'http' } },
  volumes: { config: '/etc/alertmanager', data: '/alertmanager' },
  ready: httpReady('http', '/-/ready'),
  native: { none: 'it comes natively with the observability part, later' },
  docker: {
    image: 'prom/alertmanager:v0.28.1',
    command: [
      '/bin/alertmanager',
      '--config.file=/etc/alertmanager/alertmanager.yml',
      '--storage.path=/alertmanager',
      '--web.listen-address=:9093',
      // There is no other one to talk to.
      '--cluster.listen-address=',
    ],
    user: '65534:65534',
    health: wgetHealth,
    apart: { none: 'clusters have one of their own' },
  },
  aws: { none: 'CloudWatch has its part there' },
  route: { port: 'http' },
  memory: '128Mi',
  metrics: { port: 'http' },
  collect: {
    into: 'config',
    // Alerts are shown on its page; where they are sent comes with the rules.
    files: () => ({
      'alertmanager.yml': JSON.stringify(
        { route: { receiver: 'page' }, receivers: [{ name: 'page' }] },
        null,
        2,
      ),
    }),
  },
});
