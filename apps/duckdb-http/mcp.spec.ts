import { daysSince } from './mcp/freshness';
import { noteOf } from './mcp/query';
import { type Condition, fitted, isOrdered, kindOf, whereOf } from './mcp/sql';

test.each([
  ['INTEGER', 'number'],
  ['DECIMAL(9,2)', 'number'],
  ['UBIGINT', 'number'],
  ['TIMESTAMP WITH TIME ZONE', 'time'],
  ['DATE', 'time'],
  ['TIME', 'text'],
  ['INTERVAL', 'nested'],
  ['VARCHAR', 'text'],
  ['VARCHAR[]', 'nested'],
  ['STRUCT(a INTEGER)', 'nested'],
  ['BOOLEAN', 'boolean'],
])('%s is a %s', (type, kind) => {
  expect(kindOf(type)).toBe(kind);
});

describe('conditions', () => {
  const where = (...conditions: Condition[]) =>
    whereOf(conditions, (column) => (column === 'day' ? 'DATE' : 'VARCHAR'));

  test('become parameters, cast to the type of the column, never SQL', () => {
    expect(
      where(
        { column: 'day', op: '>=', value: '2013-01-31' },
        { column: 'a"; drop', op: '=', value: "x'; drop" },
        { column: 'name', op: 'in', value: ['a', 'b'] },
        { column: 'name', op: 'ilike', value: 'x%' },
        { column: 'name', op: 'is_null' },
      ),
    ).toEqual({
      sql: ' WHERE "day" >= CAST(? AS DATE) AND "a""; drop" = ? AND "name" IN (?, ?) AND CAST("name" AS VARCHAR) ILIKE ? AND "name" IS NULL',
      params: ['2013-01-31', "x'; drop", 'a', 'b', 'x%'],
    });
  });

  test('none is no WHERE', () => {
    expect(where()).toEqual({ sql: '', params: [] });
  });

  test.each<Condition>([
    { column: 'day', op: '=' },
    { column: 'day', op: '=', value: ['2013-01-31'] },
    { column: 'day', op: 'in', value: '2013-01-31' },
    { column: 'day', op: 'in', value: [] },
  ])('a value that does not go with its operator is refused by name: %j', (condition) => {
    expect(() => where(condition)).toThrow(/^day: /);
  });
});

describe('an answer', () => {
  test('has long values shortened, and says how many', () => {
    const { rows, shortened } = fitted([['x'.repeat(5_000), 1, { a: 'y'.repeat(5_000) }]]);
    expect(shortened).toBe(2);
    expect(rows[0]![0]).toMatch(/^x{2000}… \(5000 characters\)$/);
    expect(rows[0]![1]).toBe(1);
  });

  test('ends where it gets too long, with one row at least; the caller goes on there', () => {
    const row = Array.from({ length: 60 }, () => 'x'.repeat(2_000));
    expect(fitted([row, row, row]).rows).toHaveLength(1);
    expect(fitted([[1], [2]]).rows).toEqual([[1], [2]]);
  });
});

test.each([
  ['select 1 order by 1', true],
  ['SELECT * FROM a ORDER\n BY b', true],
  ['select 1 -- order by 1', false],
  ["select 'order by'", false],
  ['select /* order by */ 1', false],
])('%j says its order: %s', (sql, ordered) => {
  expect(isOrdered(sql)).toBe(ordered);
});

test('pages without an order are told as such, whole answers need no note', () => {
  const page = { paged: true, atEnd: false, long: false };
  expect(noteOf({ ...page, sql: 'from a' })).toMatch(/ORDER BY/);
  expect(noteOf({ ...page, sql: 'from a order by b' })).not.toMatch(/ORDER BY/);
  expect(noteOf({ ...page, sql: 'from a', paged: false })).toBeUndefined();
});

test('days are counted by the day of the value, in UTC, whatever the hour', () => {
  const now = new Date('2026-12-01T00:30:00Z');
  expect(daysSince('2026-11-30T23:59:00', now)).toBe(1);
  expect(daysSince('2026-12-01', now)).toBe(0);
  expect(daysSince('2026-12-03', now)).toBe(-2);
});
