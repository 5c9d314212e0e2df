import { cursorOf, nearest, pageOf } from '.';

test('names that are like one come first, those that are not like it stay away', () => {
  expect(nearest('fct_flight', ['dim_plane', 'fct_purchases', 'fct_flights'])[0]).toBe('fct_flights');
  expect(nearest('zzz', ['dim_plane', 'fct_flights'])).toEqual([]);
});

test('pages of a list have all of it, and a cursor of somebody else is told so', () => {
  const all = Array.from({ length: 7 }, (_, i) => i);
  const first = pageOf(all, { limit: 3 });
  const second = pageOf(all, { limit: 3, cursor: first.nextCursor });
  const third = pageOf(all, { limit: 3, cursor: second.nextCursor });
  expect([first, second, third].flatMap(({ entries }) => entries)).toEqual(all);
  expect([third.nextCursor, third.total]).toEqual([undefined, 7]);
  expect(pageOf(all, { limit: 3, cursor: cursorOf(99) })).toEqual({ entries: [], total: 7 });
  expect(() => pageOf(all, { limit: 3, cursor: 'nonsense' })).toThrow(/no answer of this tool/);
});
