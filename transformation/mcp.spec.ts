import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { callerOf } from '@stack/mcp/testing';
import { adapter } from './mcp';
import type { Node } from './mcp/artefacts';
import { downstream, graphOf, modelNamed } from './mcp/graph';
import { namesColumn } from './mcp/impact';
import { fromRunResults, sectionsOf } from './mcp/results';

const LOG = `

============================== 22:10:34.503310 | first-parse ==============================
22:10:34.503310 [info ] [MainThread]: Running with dbt=1.11.16


============================== 22:21:40.000000 | the-build ==============================
22:21:40.100000 [info ] [Thread-1 (]: 1 of 6 START sql table model marts.fct ........................ [RUN]
22:21:40.200000 [info ] [Thread-1 (]: 1 of 6 OK created sql table model marts.fct ................... [OK in 1.25s]
22:21:40.210000 [info ] [Thread-2 (]: 2 of 6 OK loaded seed file staging.groups ..................... [INSERT 16 in 0.78s]
22:21:41.000000 [error] [Thread-1 (]: 3 of 6 FAIL 3 values_of_fct ................................... [FAIL 3 in 0.16s]
22:21:41.100000 [warn ] [Thread-1 (]: 4 of 6 WARN 2 few_of_fct ...................................... [WARN 2 in 0.10s]
22:21:41.200000 [error] [Thread-3 (]: 5 of 6 ERROR creating sql view model marts.broken ............. [ERROR in 0.05s]
22:21:41.300000 [info ] [Thread-4 (]: 6 of 6 SKIP relation marts.late ............................... [SKIP]
22:21:42.000000 [error] [MainThread]: Failure in test values_of_fct (models/_core.yml)
22:21:42.100000 [error] [MainThread]:   Got 3 results, configured to fail if != 0
22:21:42.200000 [info ] [MainThread]: 
22:21:42.300000 [info ] [MainThread]:   compiled code at /somewhere/values_of_fct.sql
22:21:42.400000 [info ] [MainThread]: 
22:21:42.500000 [error] [MainThread]:   Database Error in model broken (models/broken.sql)
  Binder Error: no column "a"
  LINE 3: select a
22:21:42.600000 [info ] [MainThread]: 
`;

describe("dbt's log", () => {
  test('tells what became of each node, with what dbt said; a command that ran nothing is left out', () => {
    const sections = sectionsOf(LOG);
    expect(sections.map(({ invocation }) => invocation)).toEqual(['the-build']);
    expect(Object.fromEntries(sections[0]!.results)).toEqual({
      'table fct': { status: 'passed', seconds: 1.25 },
      'table groups': { status: 'passed', seconds: 0.78 },
      'test values_of_fct': {
        status: 'failed',
        failures: 3,
        seconds: 0.16,
        message: 'Failure in test values_of_fct (models/_core.yml)\n  Got 3 results, configured to fail if != 0',
      },
      'test few_of_fct': { status: 'warned', failures: 2, seconds: 0.1 },
      'table broken': {
        status: 'failed',
        seconds: 0.05,
        message: 'Database Error in model broken (models/broken.sql)\n  Binder Error: no column "a"\n  LINE 3: select a',
      },
      'table late': { status: 'skipped' },
    });
  });

  test('that is broken, or of something else, tells nothing', () => {
    expect(sectionsOf('')).toEqual([]);
    expect(sectionsOf('1 of 2 PASS a ... [PASS in 1s]\nnothing')).toEqual([]);
  });
});

test("run_results.json's statuses are those that tools tell", () => {
  const results = fromRunResults({
    results: [
      {
        unique_id: 'model.p.a',
        status: 'success',
        execution_time: 1.234,
        adapter_response: { rows_affected: 5 },
        message: 'OK',
        timing: [{ name: 'execute', completed_at: '2026-11-30T22:10:34.5' }],
      },
      { unique_id: 'test.p.b', status: 'runtime error', failures: null, message: 'it broke' },
      { unique_id: 'exposure.p.c', status: 'no-op' },
    ],
  });
  expect(Object.fromEntries(results)).toEqual({
    'model.p.a': {
      status: 'passed',
      seconds: 1.23,
      rows: 5,
      at: '2026-11-30T22:10:34.5Z',
      source: 'run_results.json',
    },
    'test.p.b': { status: 'failed', message: 'it broke', source: 'run_results.json' },
  });
});

const node = (id: string, more: Partial<Node> = {}): Node => {
  const [type, , name] = id.split('.');
  return {
    unique_id: id,
    name: name!,
    resource_type: type!,
    package_name: 'p',
    path: `${name}.sql`,
    original_file_path: `models/${name}.sql`,
    ...more,
  };
};
const reads = (...nodes: string[]) => ({ depends_on: { nodes } });

const MANIFEST = {
  metadata: {},
  nodes: {
    'model.p.stg': node('model.p.stg', reads('source.p.raw')),
    'model.p.fct': node('model.p.fct', {
      ...reads('model.p.stg'),
      raw_code: 'select {{ delay() }} from {{ ref("stg") }}',
      columns: { delay_min: { name: 'delay_min' } },
      tags: ['publish'],
    }),
    'model.p.late': node('model.p.late', { ...reads('model.p.fct'), alias: 'late' }),
    'model.p.broken': node('model.p.broken'),
    'seed.p.groups': node('seed.p.groups'),
    'test.p.values_of_fct': node('test.p.values_of_fct', {
      ...reads('model.p.fct'),
      attached_node: 'model.p.fct',
      column_name: 'delay_min',
      path: 'values_of_fct.sql',
      original_file_path: 'models/_core.yml',
      test_metadata: { name: 'accepted_values', kwargs: { column_name: 'delay_min' } },
    }),
    'test.p.few_of_fct': node('test.p.few_of_fct', { ...reads('model.p.fct'), config: { severity: 'WARN' } }),
  },
  sources: { 'source.p.raw': node('source.p.raw', { source_name: 'files', name: 'raw' }) },
  exposures: { 'exposure.p.board': node('exposure.p.board', reads('model.p.late')) },
};

describe('the graph', () => {
  const graph = graphOf(MANIFEST);

  test('finds a model by its name, its id, a source with its source', () => {
    expect(modelNamed(graph, 'FCT').unique_id).toBe('model.p.fct');
    expect(modelNamed(graph, 'model.p.fct').name).toBe('fct');
    expect(modelNamed(graph, 'files.raw').unique_id).toBe('source.p.raw');
  });

  test('names those that are like an unknown one', () => {
    expect(() => modelNamed(graph, 'fcts')).toThrow(
      expect.objectContaining({ code: 'unknown_model', remedy: expect.stringContaining('is it fct') }),
    );
  });

  test('knows what depends on a node, with the steps to it, no further than asked', () => {
    const found = downstream(graph, 'source.p.raw', 50).map(({ node: one, distance }) => [one.name, distance]);
    expect(Object.fromEntries(found)).toEqual({
      stg: 1,
      fct: 2,
      late: 3,
      values_of_fct: 3,
      few_of_fct: 3,
      board: 4,
    });
    expect(downstream(graph, 'source.p.raw', 2)).toHaveLength(2);
  });
});

test('a column is named by its word, not by a part of one, also where a macro wrote it', () => {
  const fct = MANIFEST.nodes['model.p.late'];
  expect(namesColumn(fct, 'delay', 'select arr_delay from a')).toBe(false);
  expect(namesColumn(fct, 'delay', 'select a.delay from a')).toBe(true);
  expect(namesColumn(MANIFEST.nodes['test.p.values_of_fct'], 'DELAY_MIN')).toBe(true);
});

describe('the tools', () => {
  let target: string;
  beforeEach(() => {
    target = mkdtempSync(path.join(tmpdir(), 'mcp-dbt-'));
  });
  afterEach(() => rmSync(target, { recursive: true, force: true }));
  const caller = () => callerOf(adapter, { TARGET: target });
  const has = (name: string, content: string) => {
    mkdirSync(path.dirname(path.join(target, name)), { recursive: true });
    writeFileSync(path.join(target, name), content);
  };

  test('say what to do before dbt has parsed anything, and while a file is being written', async () => {
    await expect(caller().call('dbt_models')).rejects.toMatchObject({ code: 'not_parsed' });
    has('manifest.json', '{"nodes": {"mod');
    await expect(caller().call('dbt_models')).rejects.toMatchObject({ code: 'artefact_unreadable' });
  });

  test('read a file again when it has changed, also when it becomes whole while they wait', async () => {
    has('manifest.json', '{"nodes": ');
    setTimeout(() => has('manifest.json', JSON.stringify(MANIFEST)), 150);
    const { data } = await caller().call<{ total: number }>('dbt_models');
    expect(data.total).toBe(7);
  });

  test('lead from what failed to its test, and on to its run', async () => {
    has('manifest.json', JSON.stringify(MANIFEST));
    has('logs/dbt.log', LOG);
    has('compiled/p/models/_core.yml/values_of_fct.sql', 'select 1');
    const tests = await caller().call<{ tests: { test: string; status: string }[] }>('dbt_tests');
    expect(tests.data.tests.map(({ test: name, status }) => [name, status])).toEqual([
      ['values_of_fct', 'failed'],
      ['few_of_fct', 'warned'],
    ]);
    expect(tests.next?.[0]).toMatchObject({ tool: 'dbt_test_show', arguments: { test: 'test.p.values_of_fct' } });
    const shown = await caller().call('dbt_test_show', tests.next![0]!.arguments);
    expect(shown.data).toMatchObject({ failures: 3, model: 'fct', column: 'delay_min', compiled: { text: 'select 1' } });
    expect(shown.next?.[0]).toMatchObject({ tool: 'runs_list', arguments: { status: 'failed' } });
    // text tells of names and numbers only, never what a log says
    expect(shown.text).not.toContain('Got 3 results');
  });

  test('show a model with how it ended; long SQL is given in parts', async () => {
    has('manifest.json', JSON.stringify(MANIFEST));
    has('logs/dbt.log', LOG);
    has('compiled/p/models/late.sql', `${'x'.repeat(20_000)}the end`);
    const { data, next } = await caller().call('dbt_model_show', { model: 'late' });
    expect(data).toMatchObject({ lastRun: { status: 'skipped' }, compiled: { total: 20_007, truncated: true } });
    const more = next!.find(({ arguments: given }) => given.codeFrom !== undefined)!;
    const rest = await caller().call('dbt_model_show', more.arguments);
    expect(rest.data).toMatchObject({ compiled: { text: 'the end', total: 20_007 } });
    expect(rest.data.compiled).not.toHaveProperty('truncated');
  });
});
