import { type RegistryEntry, defineService, httpReady, wgetHealth } from '@stack/model';
import { alertmanager } from '@stack/alertmanager';

export const prometheus = defineService({
  name: 'prometheus',
  summary: 'Prometheus: metrics of every service that tells some',
  profiles: ['observability'],
  ports: { http: { number: 9090, protocol: 'http' } },
  volumes: { config: '/etc/prometheus', data: '/prometheus' },
  uses: [alertmanager],
  ready: httpReady('http', '/-/ready'),
  native: { none: 'it comes natively with the observability part, later' },
  docker: {
    image: 'prom/prometheus:v3.5.0',
    command: [
      '/bin/prometheus',
      '--config.file=/etc/prometheus/prometheus.yml',
      '--storage.tsdb.path=/prometheus',
      '--storage.tsdb.retention.time=15d',
      '--storage.tsdb.retention.size=2GB',
      '--web.listen-address=:9090',
    ],
    user: '65534:65534',
    health: wgetHealth,
    apart: { none: 'clusters have one of their own' },
  },
  aws: { none: 'CloudWatch has its part there' },
  route: { port: 'http' },
  memory: '512Mi',
  metrics: { port: 'http' },
  collect: {
    into: 'config',
    files: (registry, context) => ({
      'prometheus.yml': JSON.stringify(configuration(context.inside(alertmanager.address('http'))), null, 2),
      'targets.json': JSON.stringify(targets(registry), null, 2),
    }),
  },
});

/** (JSON is YAML.) */
const configuration = (alerts: string): object => ({
  global: { scrape_interval: '15s' },
  alerting: { alertmanagers: [{ static_configs: [{ targets: [alerts] }] }] },
  scrape_configs: [
    { job_name: 'stack', file_sd_configs: [{ files: ['targets.json'], refresh_interval: '30s' }] },
  ],
});

/** Every deployed service that tells metrics, as Prometheus' file discovery reads it. */
export const targets = (registry: readonly RegistryEntry[]): object[] =>
  registry.flatMap(({ unit, layer, metrics }) =>
    metrics ? [{ targets: [metrics.target], labels: { unit, layer, __metrics_path__: metrics.path } }] : [],
  );
