import { nearest } from '@stack/mcp';
import { callerOf } from '@stack/mcp/testing';
import { adapter } from './mcp';
import { causeOf, nextOf } from './mcp/cause';
import { metadataOf, shortened } from './mcp/dagster';
import { reasonOf } from './mcp/events';
import { configOf } from './mcp/launch';
import { fromEvents, linesOf } from './mcp/logs';
import { findingsOf, isNamed, merge, tableOf } from './mcp/quality';
import { unpublishedOf } from './mcp/rows';
import { failuresOf } from './mcp/run';
import { told, triggerOf } from './mcp/runs';
import { type Facts, type RunFacts, ancestorsOf, reasonFrom, wordsOf } from './mcp/stale';

const RUN = '5d053f5f-e5f0-4d37-86ab-754964897239';

describe('a run', () => {
  const run = {
    runId: RUN,
    jobName: 'pipeline',
    status: 'FAILURE',
    creationTime: 1_700_000_000,
    startTime: 1_700_000_010,
    endTime: 1_700_000_022.34,
    tags: [{ key: 'dagster/schedule_name', value: 'every_day' }],
    stepStats: [
      { stepKey: 'load_flights', status: 'SUCCESS', attempts: [] },
      { stepKey: 'dbt_build', status: 'FAILURE', attempts: [] },
    ],
  };

  it('is told in ISO 8601, with what failed and who started it', () => {
    expect(told(run)).toMatchObject({
      status: 'failed',
      started: '2023-11-14T22:13:30.000Z',
      seconds: 12.3,
      failedSteps: ['dbt_build'],
      trigger: 'schedule',
      triggeredBy: 'every_day',
      nothingNew: false,
    });
  });

  it('is started by hand unless its tags say otherwise', () => {
    expect(triggerOf({ tags: [] })).toEqual({ trigger: 'manual' });
    expect(triggerOf({ tags: [{ key: 'stack/started_by', value: 'mcp' }] })).toEqual({
      trigger: 'assistant',
    });
  });

  const event = (type: string, more: object) => ({
    __typename: type,
    message: 'failed',
    timestamp: '1700000000000',
    level: 'ERROR',
    ...more,
  });

  it('fails for the innermost cause, without the class in front of it', () => {
    const error = {
      message: 'dagster._core.errors.DagsterExecutionStepExecutionError: Error occurred',
      causes: [
        { message: 'stack_pipeline.errors.UserError: The file is missing.\n', className: 'UserError' },
      ],
    };
    expect(reasonOf(error)).toEqual({ text: 'The file is missing.', className: 'UserError' });
    const step = event('ExecutionStepFailureEvent', { stepKey: 'load_flights', error });
    const whole = event('RunFailureEvent', { error: { message: 'Steps failed' } });
    expect(failuresOf([step, whole])).toMatchObject([
      { step: 'load_flights', reason: 'The file is missing.' },
    ]);
    // no step failed: what the engine or the run says
    expect(failuresOf([whole])).toMatchObject([{ reason: 'Steps failed' }]);
  });

  it.each([
    [['great_expectations'], 'quality', 'quality_results'],
    [['dbt_build'], 'dbt', 'dbt_tests'],
    [['load_inbox'], 'source', 'run_logs'],
    [['published_snapshot'], 'publish', 'run_logs'],
    [['in_the_catalogue'], 'sinks', 'run_logs'],
    [[], 'process', 'run_logs'],
    [['my_own'], 'unknown', 'run_logs'],
  ])('that failed at %j is of the kind %s, and %s tells more', (steps, cause, tool) => {
    expect(causeOf(steps)).toBe(cause);
    const next = nextOf(RUN, steps);
    expect(next[0].tool).toBe(tool);
    expect(JSON.stringify(next)).not.toContain('undefined');
  });
});

describe('the log', () => {
  const events = [
    {
      __typename: 'LogMessageEvent',
      message: 'GitHub is away',
      timestamp: '1000',
      level: 'WARNING',
      stepKey: 'load_github',
    },
    {
      __typename: 'ExecutionStepStartEvent',
      message: 'Started',
      timestamp: '2000',
      level: 'DEBUG',
      stepKey: 'dbt_build',
    },
    {
      __typename: 'LogMessageEvent',
      message: 'x'.repeat(100),
      timestamp: '3000',
      level: 'INFO',
      stepKey: 'dbt_build',
    },
  ];

  it('has info and above unless less is asked for', () => {
    expect(fromEvents(events, { maxChars: 1_000 }).lines).toHaveLength(2);
    expect(fromEvents(events, { maxChars: 1_000, level: 'debug' }).lines).toHaveLength(3);
    expect(fromEvents(events, { maxChars: 1_000, step: 'dbt_build', level: 'warning' }).lines).toHaveLength(
      0,
    );
  });

  it('is searched for one of several texts, and between times', () => {
    expect(fromEvents(events, { maxChars: 1_000, search: 'nothing|GITHUB' }).lines).toHaveLength(1);
    const from = new Date(2_500).toISOString();
    expect(fromEvents(events, { maxChars: 80, from }).lines).toEqual([
      {
        at: from.replace('2.5', '3.0'),
        level: 'info',
        step: 'dbt_build',
        message: `${'x'.repeat(80)}… (+20 characters)`,
        truncated: true,
      },
    ]);
  });

  it('has no colours', () => {
    expect(linesOf('\u001b[31mERROR\u001b[0m in model\n\n', undefined, 80)).toEqual([
      { message: 'ERROR in model' },
    ]);
  });
});

describe('an asset', () => {
  const run = (more: Partial<RunFacts> = {}): RunFacts => ({
    runId: RUN,
    job: 'pipeline',
    status: 'success',
    failedSteps: [],
    nothingNew: false,
    published: true,
    ...more,
  });
  const facts = (more: Partial<Facts> = {}): Facts => ({
    made: { at: 1_000, runId: RUN },
    madeBy: run(),
    latest: run(),
    underWay: [],
    newer: [],
    published: { at: 2_000, runId: RUN },
    unpublished: [],
    unreachable: [],
    dataState: 'fresh',
    freshness: 'in_time',
    categories: [],
    ...more,
  });
  const failed = run({ status: 'failed', failedSteps: ['great_expectations'], published: false });
  const other = '6ff4ebe7-33eb-4421-895b-2990553ed25d';

  it.each<[string, Partial<Facts>]>([
    ['up_to_date', {}],
    ['up_to_date', { latest: run({ runId: other, nothingNew: true, published: false }) }],
    ['in_progress', { underWay: [other], latest: run({ status: 'failed' }) }],
    ['run_failed', { latest: { ...failed, runId: other } }],
    ['not_published', { madeBy: failed, latest: failed }],
    // a later snapshot of another job carries over what was published before
    ['not_published', { madeBy: failed, latest: failed, published: { at: 9_000, runId: other } }],
    ['parts_not_published', { unpublished: [{ key: 'fct_flights', by: failed }] }],
    ['run_canceled', { latest: run({ runId: other, status: 'canceled' }) }],
    ['never_made', { made: undefined, madeBy: undefined, latest: undefined }],
    ['upstream_newer', { newer: [{ key: 'raw/flights', at: 5_000, runId: other, nothingNew: false }] }],
    ['up_to_date', { newer: [{ key: 'raw/flights', at: 5_000, runId: other, nothingNew: true }] }],
    [
      'source_unreachable',
      { unreachable: [{ key: 'raw/github_releases', check: 'every_repository_answered', runId: RUN }] },
    ],
    ['late', { freshness: 'late' }],
    ['definition_changed', { categories: ['CODE'] }],
  ])('is %s', (reason, more) => {
    const all = facts(more);
    expect(reasonFrom(all)).toBe(reason);
    expect(wordsOf('mart_sales', reasonFrom(all), all)).not.toMatch(/undefined|NaN/);
  });

  it('is made from all that is before it, each once', () => {
    const edges = new Map([
      ['sink', ['snapshot']],
      ['snapshot', ['mart', 'fact']],
      ['mart', ['fact']],
      ['fact', ['raw']],
    ]);
    expect(ancestorsOf('sink', edges).sort()).toEqual(['fact', 'mart', 'raw', 'snapshot']);
    expect(ancestorsOf('sink', edges, 'snapshot')).toEqual(['snapshot']);
  });

  it('that is not known has names near it', () => {
    const known = ['raw/flights', 'fct_flights', 'mart_sales', 'dim_plane'];
    expect(nearest('flights', known)[0]).toBe('raw/flights');
    expect(nearest('mart_sale', known)).toEqual(['mart_sales']);
  });
});

describe('the checks of the data', () => {
  const results = [
    {
      success: false,
      expectation_config: {
        type: 'expect_column_values_to_be_between',
        severity: 'critical',
        kwargs: { column: 'air_time_min', min_value: 10 },
      },
      result: { element_count: 100, unexpected_count: 3 },
    },
    {
      success: false,
      expectation_config: {
        type: 'unexpected_rows_expectation',
        description: 'Amounts are even.',
        severity: 'warning',
        kwargs: { unexpected_rows_query: 'select 1' },
      },
      result: { observed_value: 7 },
    },
  ];
  const suite = { asset: 'fct_flights', table: 'marts.fct_flights' };
  const findings = findingsOf(suite, RUN, '2026-01-01T00:00:00.000Z', results);

  it('are read from what Great Expectations tells Dagster', () => {
    expect(findings).toMatchObject([
      {
        expectation: 'column values to be between',
        column: 'air_time_min',
        severity: 'critical',
        badRows: 3,
        observed: '3 rows',
      },
      { expectation: 'Amounts are even.', severity: 'warning', badRows: 7 },
    ]);
    expect(unpublishedOf(findings)).toMatchObject([{ table: 'marts.fct_flights', runId: RUN }]);
  });

  it('are those of the newest run, the failed ones first', () => {
    const execution = (at: number) => ({
      status: 'FAILED',
      runId: RUN,
      evaluation: {
        timestamp: at,
        success: false,
        severity: 'ERROR',
        metadataEntries: [{ label: 'results', jsonString: JSON.stringify(results) }],
      },
    });
    const published = {
      ...findings[0],
      runId: 'another',
      passed: true,
      from: 'snapshot' as const,
      checkedAt: '2026-01-01T00:00:00Z',
    };
    const skipped = { status: 'SKIPPED', runId: 'later' };
    const newer = { ...suite, executions: [skipped, execution(Date.parse('2026-01-02') / 1_000)] };
    expect(merge([newer], [published]).map(({ from }) => from)).toEqual(['dagster', 'dagster']);
    const older = { ...suite, executions: [execution(Date.parse('2025-01-02') / 1_000)] };
    expect(merge([older], [published])).toMatchObject([{ from: 'snapshot', asset: 'fct_flights' }]);
  });

  it('are of a table by its whole name, or without schema', () => {
    expect(tableOf('raw/flights', '6 expectations, in orchestration/quality/raw.flights.yml.')).toBe(
      'raw.flights',
    );
    expect(tableOf('raw/flights', null)).toBe('raw.flights');
    expect(isNamed('marts.fct_flights', 'fct_flights')).toBe(true);
    expect(isNamed('marts.fct_flights', 'flights')).toBe(false);
  });
});

it('a run gets config only for the steps that it has', () => {
  expect(configOf({ force: false }, { job: 'pipeline' })).toEqual({});
  expect(Object.keys(configOf({ force: true }, { job: 'pipeline' }))).toEqual(['load_flights', 'dbt_build']);
  expect(configOf({ force: false, days: '2013-06-01' }, { job: 'flight_days' })).toMatchObject({
    load_flight_days: { config: { first: '2013-06-01', last: '2013-06-01' } },
  });
});

it('long values are shortened with a mark', () => {
  expect(shortened('abcdef', 3)).toEqual({ text: 'abc… (+3 characters)', truncated: true });
  expect(metadataOf([{ label: 'rows', intValue: null, intRepr: '9000000000' }, { label: 'none' }])).toEqual({
    rows: '9000000000',
  });
});

it('ids, cursors and choices that cannot be are refused before anything is asked', async () => {
  const { call } = callerOf(adapter, {
    URL: 'http://127.0.0.1:1',
    DATA_URL: 'http://127.0.0.1:1',
    DATA_TOKEN: '',
  });
  await expect(call('run_show', { runId: "x'" })).rejects.toThrow('Invalid string');
  await expect(call('runs_list', { cursor: 'x' })).rejects.toMatchObject({ code: 'bad_cursor' });
  await expect(call('assets_materialise', { keys: ['a'], job: 'pipeline' })).rejects.toMatchObject({
    code: 'bad_choice',
  });
  await expect(call('runs_list')).rejects.toMatchObject({ code: 'service_down' });
});
