import type { PlanContext } from '@stack/model';
import { alertmanager } from './service';

describe('Alertmanager', () => {
  it('has a receiver for the route that every alert takes', () => {
    const files = alertmanager.collect?.files([], {} as PlanContext) ?? {};
    const { route, receivers } = JSON.parse(files['alertmanager.yml']) as {
      route: { receiver: string };
      receivers: { name: string }[];
    };
    expect(receivers.map(({ name }) => name)).toContain(route.receiver);
  });
});
