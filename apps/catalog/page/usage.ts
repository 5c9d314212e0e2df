import type { EntityEvent } from '../src/model/event';
import { count, h, table } from './dom';
import { list, record, text } from './json';

/** Who asked what, a line a day; then what was asked most of late. */
export function showUsage(place: HTMLElement, days: readonly EntityEvent[]): void {
  const most = Math.max(1, ...days.map(({ value }) => Number(value.totalSqlQueries ?? 0)));
  const queries = [...new Set(days.flatMap(({ value }) => list(value.topSqlQueries).map(text)))].slice(0, 10);
  place.append(
    table(
      'Usage',
      ['Day', 'Queries', '', 'By'],
      days.map(({ at, value }) => {
        const number = Number(value.totalSqlQueries ?? 0);
        const users = list(value.userCounts).map(record);
        return [
          new Date(at).toISOString().slice(0, 10),
          number,
          h('meter', { value: number, max: most, 'aria-label': count(number, 'query', 'queries') }),
          users.map(({ user, count: times }) => `${text(user).split(':').at(-1)} ${text(times)}`).join(', '),
        ];
      }),
    ),
    ...(queries.length > 0
      ? [h('h2', {}, 'Asked most'), ...queries.map((sql) => h('pre', { tabindex: 0 }, sql))]
      : []),
  );
}
