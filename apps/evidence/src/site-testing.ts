/** What the specs of the site share: a published snapshot's tables, and a browser's page that is watched. */
import { flightTables, type TableToPublish } from '@stack/snapshot/testing';
import type { Page } from 'playwright-core';

/** The demo's tables that the pages read. */
export function demoTables(rows = 20_000): TableToPublish[] {
  const tables = flightTables(rows).map((table) =>
    table.name === 'fct_flights'
      ? {
          ...table,
          sql: `SELECT *, flight_date + to_hours(sched_dep_hour) AS weather_hour_utc FROM (${table.sql})`,
        }
      : table,
  );
  const weather: TableToPublish = {
    name: 'dim_weather_hourly',
    sql: `WITH hours AS (
        SELECT origin, hour, (hash(origin, hour) >> 2)::BIGINT AS h
        FROM (SELECT unnest(['EWR', 'JFK', 'LGA']) AS origin), range(TIMESTAMP '2013-01-01', TIMESTAMP '2014-01-01', INTERVAL 1 HOUR) t(hour)
      )
      SELECT origin, hour AS weather_hour_utc, (h % 33)::DOUBLE AS wind_speed_mph, (h % 11)::DOUBLE AS visibility_mi,
        (['fair', 'fair', 'fair', 'rain', 'windy', 'snow or ice'])[1 + h % 6] AS weather_condition
      FROM hours`,
  };
  return [...tables, weather, ...pipelineTables()];
}

/** What the publish step tells of the pipeline: one check has failed, and so has one run of three. */
export function pipelineTables(): TableToPublish[] {
  return [
    {
      name: 'pipeline_quality',
      sql: `SELECT 'run-2' AS run_id, TIMESTAMP '2026-01-02 06:00:05' AS checked_at, * FROM (VALUES
        ('raw.weather', 0, 'temp values must be at least -60 and at most 130.', 'temp', 'critical', false, '3 rows', 26115, 3),
        ('raw.weather', 1, 'wind_speed values must not be null.', 'wind_speed', 'warning', true, NULL, 26115, 0),
        ('marts.fct_flights', 0, 'Must have at least 1 rows.', NULL, 'critical', true, '20,000', NULL, 0)
      ) t(table_name, number, expectation, column_name, severity, passed, observed, checked_rows, bad_rows)`,
    },
    {
      name: 'pipeline_runs',
      sql: `FROM (VALUES
        ('run-1', 'pipeline', 'schedule every_day', 'succeeded', TIMESTAMP '2026-01-01 06:00:00', TIMESTAMP '2026-01-01 06:00:12.5', NULL, '20260101T060012Z-0', 20000),
        ('run-2', 'pipeline', 'hand', 'failed', TIMESTAMP '2026-01-02 06:00:00', TIMESTAMP '2026-01-02 06:00:07', 'great_expectations', NULL, NULL),
        ('test', 'inbox', 'sensor new_inbox_file', 'publishing', TIMESTAMP '2026-01-02 07:00:00', TIMESTAMP '2026-01-02 07:00:01', NULL, NULL, NULL)
      ) t(run_id, job, started_by, status, started_at, ended_at, failed_step, snapshot, rows)`,
    },
    {
      name: 'pipeline_steps',
      sql: `FROM (VALUES
        ('run-1', 1, 'dbt_build', 'succeeded', TIMESTAMP '2026-01-01 06:00:00', TIMESTAMP '2026-01-01 06:00:06', 1, '21 models'),
        ('run-2', 1, 'great_expectations', 'failed', TIMESTAMP '2026-01-02 06:00:00', TIMESTAMP '2026-01-02 06:00:07', 1, NULL),
        ('test', 1, 'load_inbox', 'succeeded', TIMESTAMP '2026-01-02 07:00:00', TIMESTAMP '2026-01-02 07:00:01', 1, 'customers.csv 1 row'),
        ('test', 2, 'published_snapshot', 'running', TIMESTAMP '2026-01-02 07:00:01', NULL, 1, NULL)
      ) t(run_id, number, step, status, started_at, ended_at, attempts, note)`,
    },
  ];
}

/** Collects what a page asks of other hosts, and the errors in its console. */
export function watchPage(page: Page, url: string): { strangers: string[]; errors: string[] } {
  const strangers: string[] = [];
  const errors: string[] = [];
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol.startsWith('http') && host !== new URL(url).host) strangers.push(request.url());
  });
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(`${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => errors.push(error.message));
  return { strangers, errors };
}
