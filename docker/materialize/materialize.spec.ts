import { containersHere } from '@stack/testing';

describe('Materialize', () => {
  const [container] = containersHere().of('materialize');

  it('comes after Kafka, and keeps its data', () => {
    expect(container.after).toEqual(['kafka']);
    expect(container.mounts).toEqual([{ volume: 'materialize_data', target: '/mzdata' }]);
  });

  it('is asked for its health at a port that nobody sees outside', () => {
    expect(container.health?.join(' ')).toContain('127.0.0.1:6878');
    expect(Object.keys(container.ports)).not.toContain('6878');
  });
});
