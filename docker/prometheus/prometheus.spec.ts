import { type PlanContext, type Value, resolve } from '@stack/model';
import { registryEntry } from '@stack/testing';
import { prometheus, targets } from './service';

const registry = [registryEntry('a', { metrics: { target: 'a:8080', path: '/stats' } }), registryEntry('b')];

describe('Prometheus', () => {
  it('asks who tells metrics, under the path that they say', () => {
    expect(targets(registry)).toEqual([
      { targets: ['a:8080'], labels: { unit: 'a', layer: 'service', __metrics_path__: '/stats' } },
    ]);
  });

  it('finds its targets and Alertmanager by the files of its folder', () => {
    const inside = (value: Value) =>
      resolve(value, ({ $ref, unit }) => ({ host: unit, port: '9093' })[$ref as 'host'] ?? '');
    const files = prometheus.collect?.files(registry, { inside } as unknown as PlanContext) ?? {};
    const configuration = JSON.parse(files['prometheus.yml']) as {
      alerting: { alertmanagers: { static_configs: { targets: string[] }[] }[] };
      scrape_configs: { file_sd_configs: { files: string[] }[] }[];
    };
    expect(configuration.alerting.alertmanagers[0].static_configs[0].targets).toEqual(['alertmanager:9093']);
    expect(configuration.scrape_configs[0].file_sd_configs[0].files).toEqual(['targets.json']);
    expect(JSON.parse(files['targets.json'])).toHaveLength(1);
  });
});
