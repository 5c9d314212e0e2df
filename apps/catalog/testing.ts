import { TestStack } from '@stack/testing';
import { catalog } from './service';

export interface Told {
  urn: string;
  aspect: string;
  value: object;
}

/** The unit as it is deployed, and who tells it something. */
export interface RunningCatalog {
  stack: TestStack;
  url: string;
  token: string;
  /** Sends aspects as the client's batches do. @throws Error when they aren't taken */
  tell: (all: readonly Told[]) => Promise<void>;
  ask: (path: string) => Promise<Response>;
}

export async function startCatalog(): Promise<RunningCatalog> {
  const stack = await TestStack.start();
  await stack.deploy('catalog');
  const url = stack.resolve(catalog.url('http'));
  const token = stack.resolve(catalog.secret('token'));
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const ask = (path: string): Promise<Response> => fetch(`${url}${path}`, { headers });
  const tell = async (all: readonly Told[]): Promise<void> => {
    for (let at = 0; at < all.length; at += 500) {
      const proposals = all.slice(at, at + 500).map(({ urn, aspect, value }) => ({
        entityType: urn.split(':')[2],
        entityUrn: urn,
        changeType: 'UPSERT',
        aspectName: aspect,
        aspect: { value: JSON.stringify(value), contentType: 'application/json' },
      }));
      const body = JSON.stringify({ proposals });
      const answer = await fetch(`${url}/aspects?action=ingestProposalBatch`, {
        method: 'POST',
        headers,
        body,
      });
      if (!answer.ok) throw new Error(`it answers ${answer.status}: ${await answer.text()}`);
    }
  };
  return { stack, url, token, tell, ask };
}

export const dataset = (name: string, platform = 'dbt'): string =>
  `urn:li:dataset:(urn:li:dataPlatform:${platform},${name},PROD)`;
export const column = (table: string, name: string): string => `urn:li:schemaField:(${table},${name})`;

const ACTOR = { time: 1_700_000_000_000, actor: 'urn:li:corpuser:test' };

/** What a table has: its columns, and where they come from, each as `[column, its table, its column]`. */
export function table(
  urn: string,
  columns: readonly string[],
  from: readonly (readonly [string, string, string])[] = [],
  description = '',
): Told[] {
  const key = urn.split(',')[1]!;
  const name = urn.includes(':file,') ? key : key.split('.').at(-1);
  const upstreams = [...new Set(from.map(([, table]) => table))];
  return [
    { urn, aspect: 'datasetProperties', value: { name, description } },
    {
      urn,
      aspect: 'schemaMetadata',
      value: {
        schemaName: 'x',
        platform: 'urn:li:dataPlatform:dbt',
        version: 0,
        hash: '',
        platformSchema: { 'com.linkedin.schema.OtherSchema': { rawSchema: '' } },
        fields: columns.map((fieldPath) => ({
          fieldPath,
          nativeDataType: 'INTEGER',
          type: { type: { 'com.linkedin.schema.NumberType': {} } },
        })),
      },
    },
    ...(from.length === 0
      ? []
      : [
          {
            urn,
            aspect: 'upstreamLineage',
            value: {
              upstreams: upstreams.map((one) => ({ dataset: one, type: 'TRANSFORMED', auditStamp: ACTOR })),
              fineGrainedLineages: from
                .filter(([name]) => name !== '')
                .map(([name, table, source]) => ({
                  upstreamType: 'FIELD_SET',
                  downstreamType: 'FIELD',
                  upstreams: [column(table, source)],
                  downstreams: [column(urn, name)],
                })),
            },
          },
        ]),
  ];
}

export function dashboard(
  urn: string,
  title: string,
  datasets: readonly string[],
  externalUrl?: string,
): Told[] {
  const lastModified = { created: ACTOR, lastModified: ACTOR };
  const value = {
    title,
    description: '',
    charts: [],
    datasets,
    lastModified,
    ...(externalUrl && { externalUrl }),
  };
  return [
    { urn, aspect: 'dashboardInfo', value },
    {
      urn,
      aspect: 'ownership',
      value: { owners: [{ owner: 'urn:li:corpuser:ada', type: 'BUSINESS_OWNER' }] },
    },
  ];
}

/** An assertion on a column, with a result each. */
export function check(
  id: string,
  of: string,
  name: string,
  results: readonly ('SUCCESS' | 'FAILURE')[],
): Told[] {
  const urn = `urn:li:assertion:${id}`;
  const fields = [column(of, name)];
  return [
    {
      urn,
      aspect: 'assertionInfo',
      value: {
        type: 'DATASET',
        description: `${name} is not null`,
        datasetAssertion: { dataset: of, fields, scope: 'DATASET_COLUMN', operator: 'NOT_NULL' },
      },
    },
    ...results.map((type, i) => ({
      urn,
      aspect: 'assertionRunEvent',
      value: {
        timestampMillis: 1_700_000_000_000 + i * 86_400_000,
        runId: `run ${i}`,
        assertionUrn: urn,
        asserteeUrn: of,
        status: 'COMPLETE',
        result: { type },
      },
    })),
  ];
}
