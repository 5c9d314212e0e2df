/** What kind of thing made a run fail, and which tools tell more of it. */
import type { Next } from '@stack/mcp';

export const CAUSES = ['source', 'dbt', 'quality', 'publish', 'sinks', 'process', 'unknown'] as const;
export type Cause = (typeof CAUSES)[number];

const BY_STEP: Readonly<Record<string, Cause>> = {
  load_flights: 'source',
  load_flight_days: 'source',
  load_inbox: 'source',
  load_github: 'source',
  sync_airbyte: 'source',
  raw_in_snowflake: 'source',
  dbt_build: 'dbt',
  great_expectations: 'quality',
  published_snapshot: 'publish',
  marts_in_postgres: 'sinks',
  in_the_catalogue: 'sinks',
};

/** @param steps those that failed; none: the run's process ended, or Dagster couldn't start it */
export function causeOf(steps: readonly string[]): Cause {
  if (steps.length === 0) return 'process';
  return steps.map((step) => BY_STEP[step]).find(Boolean) ?? 'unknown';
}

export const IN_WORDS: Readonly<Record<Cause, string>> = {
  source: 'a source could not be loaded',
  dbt: 'a model could not be built, or a test of dbt failed',
  quality: 'an expectation of Great Expectations that blocks the publish was not met',
  publish: 'the snapshot could not be written to the lake',
  sinks:
    'the published snapshot could not be brought to PostgreSQL or the catalogue; readers have it nevertheless',
  process: 'no step failed: the process of the run ended, or Dagster could not start it',
  unknown: 'a step failed that is none of the stack’s own',
};

const log = (runId: string, step: string, more: object, why: string): Next => ({
  tool: 'run_logs',
  arguments: { runId, step, ...more },
  why,
});

/** The calls that tell more of a failed run. */
export function nextOf(runId: string, steps: readonly string[]): Next[] {
  const cause = causeOf(steps);
  const [step] = steps;
  const failure = (one: string) => log(runId, one, { level: 'error' }, `the errors of ${one}, whole`);
  switch (cause) {
    case 'quality':
      return [
        {
          tool: 'quality_results',
          arguments: { status: 'failed' },
          why: 'which expectations failed, on which table',
        },
        {
          tool: 'quality_failing_rows',
          arguments: {},
          why: 'the rows that failed, as far as they are published',
        },
        failure('great_expectations'),
      ];
    case 'dbt':
      return [
        { tool: 'dbt_tests', arguments: { status: 'failed' }, why: 'which tests of dbt failed' },
        failure('dbt_build'),
        log(
          runId,
          'dbt_build',
          { stream: 'stdout', search: 'error|fail' },
          'what dbt printed of errors and failed tests',
        ),
      ];
    case 'publish':
      return [
        failure(step),
        { tool: 'stack_status', arguments: {}, why: 'whether the object store is there' },
        { tool: 'stack_logs', arguments: { unit: 'object-store' }, why: 'what the object store says' },
      ];
    case 'sinks': {
      const unit = steps.includes('in_the_catalogue') ? 'catalog' : 'postgres';
      return [...steps.map(failure), { tool: 'stack_logs', arguments: { unit }, why: `what ${unit} says` }];
    }
    case 'process':
      return [
        { tool: 'run_logs', arguments: { runId, level: 'debug' }, why: 'how far it came' },
        {
          tool: 'stack_logs',
          arguments: { unit: 'orchestration', search: runId.slice(0, 8) },
          why: 'what Dagster’s processes say of this run',
        },
        { tool: 'stack_status', arguments: {}, why: 'whether Dagster was restarted' },
      ];
    default:
      return [
        ...steps.map(failure),
        log(runId, step, { stream: 'stderr', order: 'newest' }, `what the process printed during ${step}`),
        { tool: 'schedules_list', arguments: {}, why: 'whether something tries again by itself' },
      ];
  }
}
