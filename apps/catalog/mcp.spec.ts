import { areSiblings, checkOf, nameIn, nameOf, parseUrn, platformIn, wordsOf } from './mcp/datahub';

const DBT = 'urn:li:dataset:(urn:li:dataPlatform:dbt,warehouse.marts.fct_flights,PROD)';
const DUCKDB = 'urn:li:dataset:(urn:li:dataPlatform:duckdb,warehouse.marts.fct_flights,PROD)';
const FLOW = 'urn:li:dataFlow:(dagster,stack_pipeline.location/pipeline,PROD)';
const JOB = `urn:li:dataJob:(${FLOW},dbt_build)`;
const FIELD = `urn:li:schemaField:(${DBT},arr_delay_min)`;

test('a URN has a type, and the parts of its key; those in brackets stay whole', () => {
  expect(parseUrn(DBT)).toEqual({
    type: 'dataset',
    parts: ['urn:li:dataPlatform:dbt', 'warehouse.marts.fct_flights', 'PROD'],
  });
  expect(parseUrn(JOB).parts).toEqual([FLOW, 'dbt_build']);
  expect(parseUrn('urn:li:tag:dbt:publish').parts).toEqual(['dbt:publish']);
});

test.each(['fct_flights', 'urn:li:', 'urn:li:dataset', ''])(
  '%j is none, and the error says how to find it',
  (text) => {
    expect(() => parseUrn(text)).toThrow(
      expect.objectContaining({ code: 'bad_urn', remedy: expect.stringContaining('catalog_search') }),
    );
  },
);

test.each([
  [DBT, 'warehouse.marts.fct_flights', 'dbt'],
  [FLOW, 'stack_pipeline.location/pipeline', 'dagster'],
  [JOB, 'dbt_build', 'dagster'],
  [FIELD, 'arr_delay_min', 'dbt'],
  ['urn:li:dashboard:(dbt,exposure.flights.board)', 'exposure.flights.board', 'dbt'],
  ['urn:li:corpuser:data@example.com', 'data@example.com', undefined],
  ['urn:li:tag:100%25 sure', '100% sure', undefined],
  ['urn:li:tag:100%', '100%', undefined],
])('%s is called %s, of %s', (urn, name, platform) => {
  expect(nameIn(urn)).toBe(name);
  expect(platformIn(urn)).toBe(platform);
});

test("dbt's entity of a table and the warehouse's are one table", () => {
  expect(areSiblings(DBT, DUCKDB)).toBe(true);
  expect(areSiblings(DBT, DBT)).toBe(false);
  expect(areSiblings(DUCKDB, DUCKDB.replace('duckdb', 'snowflake'))).toBe(false);
  expect(areSiblings(DBT, DUCKDB.replace('fct', 'stg'))).toBe(false);
  expect(areSiblings(DBT, JOB)).toBe(false);
});

test('what is looked for in place of an unknown name is its last word', () => {
  expect(wordsOf('warehouse.marts.fct_flight')).toBe('fct_flight');
  expect(wordsOf('location/dbt_build')).toBe('dbt_build');
  expect(wordsOf('…')).toBe('…');
});

test('a check is called what whoever made it calls it', () => {
  const info = (value: object) => [{ payload: JSON.stringify(value) }];
  const urn = 'urn:li:assertion:1';
  expect(nameOf({ urn, check: info({ customAssertion: { nativeType: 'not_null' } }) })).toBe('not_null');
  expect(nameOf({ urn, check: info({ datasetAssertion: { nativeType: 'expect_a' } }) })).toBe('expect_a');
  expect(nameOf({ urn, check: [] })).toBe('1');
  expect(checkOf(undefined)).toEqual({});
});
