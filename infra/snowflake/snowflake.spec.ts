import { DuckDBInstance } from '@duckdb/node-api';
import { TestStack } from '@stack/testing';
import { snowflake } from './module';

describe('snowflake, played by DuckDB', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('snowflake');
  });
  afterAll(() => stack.remove());

  const rows = async (sql: string) => {
    const instance = await DuckDBInstance.create(stack.resolve(snowflake.output('path')));
    const connection = await instance.connect();
    try {
      return (await connection.runAndReadAll(sql)).getRows();
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  };

  it('has the schemas raw, staging and marts', async () => {
    const schemas = await rows(
      "select schema_name from information_schema.schemata where catalog_name = 'warehouse' order by 1",
    );
    expect(schemas.flat()).toEqual(expect.arrayContaining(['marts', 'raw', 'staging']));
  });

  it('keeps what is in it', async () => {
    await rows('create table raw.kept as select 42 as answer');
    await stack.deploy('snowflake');
    expect(await rows('select answer from raw.kept')).toEqual([[42]]);
  });
});
