/** Calls of the MCP server's tools by the official client: each once with what the stack has, and once with what is wrong. */
import { Client, StreamableHTTPClientTransport, type Transport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

export interface Answer {
  readonly text: string;
  readonly data: Record<string, unknown>;
  readonly error?: { readonly code: string; readonly message: string; readonly remedy: string };
}

interface Next {
  readonly tool: string;
  readonly arguments: Record<string, unknown>;
}

/** Connected by the protocol of now, which has no session. */
export async function connect(transport: Transport): Promise<Client> {
  const client = new Client({ name: 'e2e', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(transport);
  return client;
}

export const overHttp = (url: string, token: string): Transport =>
  new StreamableHTTPClientTransport(new URL('/mcp', url), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  });

export const overStdio = (program: string, environment: string): Transport =>
  started(process.execPath, [program, '--stdio', '--environment', environment, '--operate']);

/** The server as a client starts it, by a command. */
export const started = (command: string, args: readonly string[]): Transport =>
  new StdioClientTransport({ command, args: [...args] });

export async function call(client: Client, name: string, args: object = {}): Promise<Answer> {
  const { content, structuredContent, _meta } = await client.callTool(
    { name, arguments: args as Record<string, unknown> },
    { timeout: 280_000 },
  );
  return {
    text: (content as { text: string }[])[0].text,
    data: (structuredContent ?? {}) as Record<string, unknown>,
    error: _meta?.['stack/error'] as Answer['error'],
  };
}

/** The first of a list in an earlier answer, by tool and field. */
type Given = (tool: string, list: string) => Record<string, string>;

interface Case {
  good: object | ((given: Given) => object);
  bad: object;
  /** What the bad one is refused with. */
  code: string;
  /** What the good one may be refused with, as that isn't there in every checkout. */
  orElse?: string;
}

const FACT = 'urn:li:dataset:(urn:li:dataPlatform:duckdb,warehouse.marts.fct_flights,PROD)';
const NOBODY = '00000000-0000-4000-8000-000000000000';

/** In this order: later ones use ids that earlier ones have told. */
export const CASES: Readonly<Record<string, Case>> = {
  stack_status: { good: {}, bad: { health: 'fine' }, code: 'invalid_arguments' },
  stack_unit: { good: { unit: 'duckdb-http' }, bad: { unit: 'duckdb' }, code: 'unknown_unit' },
  stack_logs: { good: { unit: 'postgres', limit: 5 }, bad: { unit: 'nobody' }, code: 'unknown_unit' },
  runs_list: { good: { status: 'success' }, bad: { status: 'lost' }, code: 'invalid_arguments' },
  run_show: {
    good: (given) => ({ runId: given('runs_list', 'runs').runId }),
    bad: { runId: NOBODY },
    code: 'unknown_run',
  },
  run_logs: {
    good: (given) => ({ runId: given('runs_list', 'runs').runId, limit: 20 }),
    bad: { runId: NOBODY },
    code: 'unknown_run',
  },
  assets_list: { good: { search: 'flights' }, bad: { limit: 0 }, code: 'invalid_arguments' },
  asset_show: {
    good: (given) => ({ key: given('assets_list', 'assets').key }),
    bad: { key: 'raw/flight' },
    code: 'unknown_asset',
  },
  asset_why_stale: {
    good: (given) => ({ key: given('assets_list', 'assets').key }),
    bad: { key: 'raw/flight' },
    code: 'unknown_asset',
  },
  schedules_list: { good: {}, bad: { kind: 'clock' }, code: 'invalid_arguments' },
  quality_results: { good: {}, bad: { status: 'odd' }, code: 'invalid_arguments' },
  quality_failing_rows: { good: {}, bad: { limit: 'many' }, code: 'invalid_arguments' },
  data_tables: { good: { search: 'flights' }, bad: { cursor: 'zzz' }, code: 'bad_cursor' },
  data_describe: { good: { table: 'fct_flights' }, bad: { table: 'fct_flight' }, code: 'unknown_table' },
  data_sample: {
    good: { table: 'fct_flights', where: [{ column: 'carrier', op: 'in', value: ['UA', 'AA'] }], limit: 3 },
    bad: { table: 'fct_flights', columns: ['carier'] },
    code: 'unknown_column',
  },
  data_query: {
    good: { sql: 'select carrier, count(*) n from fct_flights group by 1 order by 2 desc', limit: 3 },
    bad: { sql: 'drop table fct_flights' },
    code: 'statement_not_allowed',
  },
  data_profile: {
    good: { table: 'fct_flights', column: 'flight_date' },
    bad: { table: 'fct_flights', column: 'nope' },
    code: 'unknown_column',
  },
  data_freshness: { good: {}, bad: { table: 'x' }, code: 'unknown_table' },
  dbt_models: { good: { search: 'flights' }, bad: { resourceType: 'nope' }, code: 'invalid_arguments' },
  dbt_model_show: { good: { model: 'fct_flights' }, bad: { model: 'fct_flight' }, code: 'unknown_model' },
  dbt_tests: { good: { model: 'fct_flights' }, bad: { model: 'zzz' }, code: 'unknown_model' },
  dbt_test_show: {
    good: (given) => ({ test: given('dbt_tests', 'tests').test }),
    bad: { test: 'not_null_fct' },
    code: 'unknown_test',
  },
  dbt_impact: {
    good: { model: 'fct_flights', column: 'arr_delay_min' },
    bad: { model: 'fct_flights', column: 'arr_delay' },
    code: 'unknown_column',
  },
  catalog_search: {
    good: { query: 'fct_flights', type: 'dataset' },
    bad: { query: 'x', type: 'nope' },
    code: 'invalid_arguments',
  },
  catalog_entity: { good: { urn: FACT }, bad: { urn: 'fct_flights' }, code: 'bad_urn' },
  catalog_lineage: {
    good: { urn: FACT, direction: 'upstream', column: 'arr_delay_min' },
    bad: { urn: FACT, direction: 'upstream', column: 'arr_delay' },
    code: 'unknown_column',
  },
  catalog_owners: { good: { urn: FACT }, bad: { urn: FACT.replace('fct_', 'fkt_') }, code: 'unknown_entity' },
  infra_modules: { good: { search: 'bucket' }, bad: { search: '' }, code: 'invalid_arguments' },
  infra_plan: {
    good: { module: 's3' },
    bad: { module: 'bucket' },
    code: 'unknown_module',
    orElse: 'not_synthesised',
  },
  sources_list: { good: {}, bad: { limit: -1 }, code: 'invalid_arguments' },
  connections_list: { good: {}, bad: { limit: -1 }, code: 'invalid_arguments' },
  syncs_list: { good: {}, bad: { status: 'lost' }, code: 'invalid_arguments' },
  sync_show: {
    good: (given) => ({ jobId: given('syncs_list', 'syncs').jobId }),
    bad: { jobId: 999_999_999 },
    code: 'unknown_sync',
  },
  sync_start: {
    good: (given) => ({ connectionId: given('connections_list', 'connections').connectionId, wait: 120 }),
    bad: { connectionId: NOBODY },
    code: 'unknown_connection',
  },
  // What has ended is not canceled: that is said, and nothing is done.
  sync_cancel: {
    good: (given) => ({ jobId: given('syncs_list', 'syncs').jobId }),
    bad: { jobId: 999_999_999 },
    code: 'unknown_sync',
  },
  assets_materialise: { good: { wait: 240 }, bad: { keys: ['raw/flight'] }, code: 'unknown_asset' },
  run_cancel: {
    good: (given) => ({ runId: given('runs_list', 'runs').runId }),
    bad: { runId: NOBODY },
    code: 'unknown_run',
  },
  stack_restart: { good: { unit: 'redis' }, bad: { unit: 's3' }, code: 'no_service' },
};

/** Follows only what the answers propose, from the first call on, until one has the cause in its data; the calls that were made. */
export async function follow(
  client: Client,
  first: Next,
  isCause: (data: string) => boolean,
  most = 12,
): Promise<string[]> {
  const waiting: Next[] = [first];
  const made = new Set<string>();
  while (waiting.length > 0 && made.size < most) {
    const { tool, arguments: args } = waiting.shift() as Next;
    const name = `${tool} ${JSON.stringify(args)}`;
    if (made.has(name)) continue;
    made.add(name);
    const { data } = await call(client, tool, args);
    const { next = [], ...found } = data as { next?: Next[] };
    if (isCause(JSON.stringify(found))) return [...made];
    waiting.push(...next);
  }
  throw new Error(`the cause was not found:\n${[...made].join('\n')}`);
}
