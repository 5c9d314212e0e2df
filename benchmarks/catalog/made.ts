/** Dataset i of the benchmark's catalogue as proposals: the same that client.py makes. */
import { columns, columnsWithLineage, layers, words } from './words.json';

const at = <T>(list: readonly T[], i: number): T => list[i % list.length]!;

const nameOf = (i: number): string => `${at(layers, i)}.${at(words, i * 7)}_${words[(i * 13) % 97]}_${i}`;
const urnOf = (i: number): string => `urn:li:dataset:(urn:li:dataPlatform:duckdb,${nameOf(i)},PROD)`;
const columnOf = (i: number, k: number): string => at(columns, i * 3 + k);
const fieldOf = (i: number, k: number): string => `urn:li:schemaField:(${urnOf(i)},${columnOf(i, k)})`;

/** Two of the layer before, so that each leads to two of the next. */
function upstreamsOf(i: number, datasets: number): number[] {
  const [layer, place] = [i % layers.length, Math.floor(i / layers.length)];
  const width = Math.floor(datasets / layers.length);
  return layer === 0 ? [] : [0, 1].map((k) => ((2 * place + k) % width) * layers.length + layer - 1);
}

export function proposalsOf(i: number, datasets: number): object[] {
  const short = nameOf(i).split('.')[1]!;
  const proposal = (aspectName: string, value: object): object => ({
    entityType: 'dataset',
    entityUrn: urnOf(i),
    changeType: 'UPSERT',
    aspectName,
    aspect: { value: JSON.stringify(value), contentType: 'application/json' },
    systemMetadata: { lastObserved: Date.now(), runId: 'bench' },
  });
  const properties = proposal('datasetProperties', {
    customProperties: { owner: `team ${i % 20}` },
    name: short,
    description: `${at(words, i)} by ${at(words, i * 3)}, one row for each ${at(words, i * 5)}`,
    tags: [],
  });
  const schema = proposal('schemaMetadata', {
    schemaName: short,
    platform: 'urn:li:dataPlatform:duckdb',
    version: 0,
    created: { time: 0, actor: 'urn:li:corpuser:unknown' },
    lastModified: { time: 0, actor: 'urn:li:corpuser:unknown' },
    hash: '',
    platformSchema: { 'com.linkedin.schema.OtherSchema': { rawSchema: '' } },
    fields: Array.from({ length: 20 }, (_, k) => ({
      fieldPath: columnOf(i, k),
      nullable: false,
      description: `${columnOf(i, k)} of ${short}`,
      type: { type: { 'com.linkedin.schema.NumberType': {} } },
      nativeDataType: 'INTEGER',
      recursive: false,
      isPartOfKey: false,
    })),
  });
  const ups = upstreamsOf(i, datasets);
  if (ups.length === 0) return [properties, schema];
  const lineage = proposal('upstreamLineage', {
    upstreams: ups.map((up) => ({
      auditStamp: { time: 0, actor: 'urn:li:corpuser:unknown' },
      dataset: urnOf(up),
      type: 'TRANSFORMED',
    })),
    fineGrainedLineages: Array.from({ length: columnsWithLineage }, (_, k) => ({
      upstreamType: 'FIELD_SET',
      upstreams: ups.map((up) => fieldOf(up, k)),
      downstreamType: 'FIELD',
      downstreams: [fieldOf(i, k)],
      confidenceScore: 1,
    })),
  });
  return [properties, schema, lineage];
}
