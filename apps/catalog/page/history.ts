import type { EntityView } from '../src/view/types';
import { count, h, when } from './dom';
import type { Shell } from './main';

const SHOWN = 12;

/** What changed when: columns, descriptions, tags, terms, owners, domains. */
export async function showHistory(shell: Shell, place: HTMLElement, entity: EntityView): Promise<void> {
  const changes = (await shell.api.history(entity.urn)).filter(({ changeEvents }) => changeEvents.length > 0);
  if (changes.length === 0)
    return place.append(h('p', { class: 'muted' }, 'Nothing has changed since it was first told.'));
  place.append(
    h(
      'ol',
      { class: 'history' },
      ...[...changes]
        .sort((a, b) => b.timestamp - a.timestamp)
        .map(({ timestamp, changeEvents }) => {
          const words = changeEvents.map(({ description, semVerChange }) =>
            h('li', { class: semVerChange === 'MAJOR' ? 'bad' : '' }, description),
          );
          const rest = words.slice(SHOWN);
          return h(
            'li',
            {},
            h(
              'h2',
              {},
              when(timestamp),
              h('span', { class: 'muted' }, ` ${count(changeEvents.length, 'change')}`),
            ),
            h('ul', {}, ...words.slice(0, SHOWN)),
            rest.length > 0 &&
              h('details', {}, h('summary', {}, count(rest.length, 'more', 'more')), h('ul', {}, ...rest)),
          );
        }),
    ),
  );
}
