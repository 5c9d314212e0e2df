import { type PlanContext, type Value } from '@stack/model';
import { containersHere } from '@stack/testing';
import { grafana } from './service';

describe('Grafana', () => {
  const { of, values } = containersHere();

  it('has Prometheus as its data source, by its name in the network', () => {
    const inside = (value: Value) => values.of(value).text;
    const files = grafana.collect?.files([], { inside } as unknown as PlanContext) ?? {};
    expect(JSON.parse(files['datasources/prometheus.yml'])).toMatchObject({
      datasources: [{ type: 'prometheus', url: 'http://prometheus:9090', isDefault: true }],
    });
  });

  it('has a password of its own, which nobody sees', () => {
    const [{ env, secrets }] = of('grafana');
    expect(secrets.GF_SECURITY_ADMIN_PASSWORD).toMatch(/^[\w-]{32}$/);
    expect(JSON.stringify(env)).not.toContain(secrets.GF_SECURITY_ADMIN_PASSWORD);
  });
});
