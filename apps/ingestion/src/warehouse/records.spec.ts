import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Schema, SelectedStream } from '../connectors/protocol';
import { columnsOf, typeOf } from './columns';
import { typedRows } from './records';

const folder = mkdtempSync(path.join(tmpdir(), 'records-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = path.join(folder, 'records.jsonl');

/** What becomes of records of a stream with this schema: the columns asked for, as text. */
async function load(schema: Schema, columns: string, ...data: string[]): Promise<unknown[][]> {
  writeFileSync(file, data.map((one) => `{"record":{"data":${one},"emitted_at":1767225600000}}\n`).join(''));
  const stream = { name: 's', json_schema: schema };
  const selected: SelectedStream = {
    stream,
    mode: 'full_refresh',
    destinationMode: 'append',
    cursorField: [],
    primaryKey: [],
  };
  const sql = typedRows({
    selected,
    file,
    part: 0,
    longest: 1,
    jobId: 7,
    columns: columnsOf(schema),
    key: [],
  });
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    return (await connection.runAndReadAll(`SELECT ${columns} FROM (${sql})`)).getRowsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const string = (more: object) => ({ type: ['null', 'string'], ...more });
const DATE = string({ format: 'date' });
const AWARE = string({ format: 'date-time' });
const LOCAL = string({ format: 'date-time', airbyte_type: 'timestamp_without_timezone' });

describe('a value', () => {
  it.each<[string, Schema, string, string | null]>([
    ['a whole number', { type: 'integer' }, '-5', '-5'],
    ['a whole number with a point', { type: 'integer' }, '5.0', '5'],
    ['a whole number as text', { type: 'integer' }, '"5"', '5'],
    ['a large whole number', { type: 'integer' }, '9223372036854775807', '9223372036854775807'],
    [
      'a larger one',
      { type: 'integer', airbyte_type: 'big_integer' },
      '92233720368547758070',
      '92233720368547758070',
    ],
    ['a number', { type: 'number' }, '1.25', '1.25'],
    ['a whole one', { type: ['integer', 'number'] }, '1', '1.0'],
    ['truth', { type: 'boolean' }, 'true', 'true'],
    ['a number as text', { type: 'string' }, '5', '5'],
    ['an object as text', { type: 'string' }, '{"a":1}', '{"a":1}'],
    ['an object', { type: 'object' }, '{"a":[1,null]}', '{"a":[1,null]}'],
    ['either of two', { oneOf: [{ type: 'string' }, { type: 'integer' }] }, '"x"', '"x"'],
    ['either of one and null', { anyOf: [{ type: 'null' }, { type: 'integer' }] }, '3', '3'],
    ['a day', DATE, '"2026-01-31"', '2026-01-31'],
    ['a day with midnight', DATE, '"2026-01-31T00:00:00Z"', '2026-01-31'],
    ['a moment', AWARE, '"2026-01-31T05:00:00+02:00"', '2026-01-31 03:00:00+00'],
    ['a moment without zone', LOCAL, '"2026-01-31T05:00:00"', '2026-01-31 05:00:00'],
    ['null', { type: 'integer' }, 'null', null],
  ])('%s becomes its column’s type', async (_name, schema, value, expected) => {
    const got = await load({ properties: { it: schema } }, 'it::varchar, __reason', `{"it":${value}}`);
    expect(got).toEqual([[expected, '']]);
  });

  it.each<[string, Schema, string]>([
    ['text', { type: 'integer' }, '"abc"'],
    ['a fraction', { type: 'integer' }, '1.5'],
    ['truth', { type: 'integer' }, 'true'],
    ['too large a number', { type: 'integer' }, '9223372036854775808'],
    ['a list', { type: 'number' }, '[1]'],
    ['a number', { type: 'boolean' }, '1'],
    ['no day', DATE, '"2026-02-30"'],
    ['a moment, which is more than a day', DATE, '"2026-01-31T05:00:00Z"'],
    ['a number', AWARE, '1767225600'],
    ['a zone that would be lost', LOCAL, '"2026-01-31T05:00:00+02:00"'],
  ])('%s doesn’t fit and is named as the reason', async (_name, schema, value) => {
    const [[got, reason, record]] = await load(
      { properties: { it: schema } },
      'it::varchar, __reason, __record::varchar',
      `{"it":${value}}`,
    );
    expect([got, record]).toEqual([null, `{"it":${value}}`]);
    expect(reason).toBe(`it: ${value} is no ${typeOf(schema)}`);
  });
});

it('takes names of every kind, and tells those apart that differ by case', async () => {
  const properties = {
    'a/b~"c': { type: 'integer' },
    "it's": { type: 'integer' },
    ID: { type: 'integer' },
    id: {},
  };
  const data = `{"a/b~\\"c":1,"it's":2,"ID":3,"id":4,"__reason":5}`;
  expect(
    await load({ properties }, `"a/b~""c", "it's", "ID", "id_2"::varchar, _airbyte_meta::varchar`, data),
  ).toEqual([['1', '2', '3', '4', '{"sync_id":7,"extra":{"__reason":5}}']]);
});
