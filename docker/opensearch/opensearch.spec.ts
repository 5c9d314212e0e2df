import { containersHere } from '@stack/testing';

describe('OpenSearch', () => {
  it('is one node, healthy once its shards are there', () => {
    const [{ argv, health, mounts }] = containersHere().of('opensearch');
    expect(argv).toContain('-Ediscovery.type=single-node');
    expect(health?.join(' ')).toContain('/_cluster/health?wait_for_status=yellow');
    expect(mounts).toEqual([{ volume: 'opensearch_data', target: '/usr/share/opensearch/data' }]);
  });
});
