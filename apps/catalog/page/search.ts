import type { Found, Hit } from './api';
import { count, h } from './dom';
import type { Shell } from './main';
import { pageOf, typeOf, TYPES, within, word } from './names';

const PAGE = 30;

/** What was found, the best first, and by what it can be narrowed. */
export async function showSearch(shell: Shell, place: HTMLElement, view: URLSearchParams): Promise<void> {
  const text = view.get('q') ?? '';
  const filters = Object.fromEntries(
    ['_entityType', 'platform'].flatMap((field) => {
      const value = view.get(field);
      return value === null ? [] : [[field, value] as const];
    }),
  );
  const start = Math.max(0, Number(view.get('start')) || 0);
  document.title = text ? `${text} · Catalogue` : 'Catalogue';
  const found = await shell.api.search(text, filters, start, PAGE);
  const address = (more: Record<string, string>): string => {
    const all = Object.entries({ q: text, ...filters, ...more }).filter(([, value]) => value !== '');
    return `/?${new URLSearchParams(all).toString()}`;
  };
  const about = text ? ` for “${text}”` : '';
  const some = found.total >= 10_000 ? 'more than 10,000 results' : count(found.total, 'result');
  const words = found.total === 0 ? `Nothing found${about}` : `${some}${about}`;
  const isFiltered = Object.keys(filters).length > 0;
  place.append(
    h(
      'div',
      { class: 'found' },
      h('nav', { 'aria-label': 'Narrow the results' }, ...narrowing(found, filters, address)),
      h(
        'section',
        { 'aria-label': 'Results' },
        h('h1', {}, text || isFiltered ? words : `All of it: ${some}`),
        found.total === 0 && nothing(text, isFiltered, address({ _entityType: '', platform: '' })),
        h('ol', { class: 'hits', start: start + 1 }, ...grouped(found.hits).map(hit)),
        h(
          'p',
          { class: 'pages' },
          start > 0 && h('a', { href: address({ start: String(Math.max(0, start - PAGE)) }) }, '← before'),
          ' ',
          start + PAGE < found.total && h('a', { href: address({ start: String(start + PAGE) }) }, 'more →'),
        ),
      ),
    ),
  );
}

function narrowing(
  { facets }: Found,
  filters: Record<string, string>,
  address: (more: Record<string, string>) => string,
): HTMLElement[] {
  return facets
    .filter(({ aggregations }) => aggregations.length > 0)
    .map(({ field, displayName, aggregations }) =>
      h(
        'div',
        {},
        h('h2', {}, displayName),
        h(
          'ul',
          {},
          filters[field] !== undefined && h('li', {}, h('a', { href: address({ [field]: '' }) }, '← all')),
          ...aggregations.slice(0, 12).map(({ value, count: number }) =>
            h(
              'li',
              {},
              h(
                'a',
                {
                  href: address({ [field]: value }),
                  'aria-current': filters[field] === value ? 'true' : undefined,
                },
                TYPES[value] ?? value.split(':').at(-1)!,
              ),
              h('span', { class: 'muted' }, number),
            ),
          ),
        ),
      ),
    );
}

const nothing = (text: string, isFiltered: boolean, all: string): HTMLElement =>
  h(
    'p',
    { class: 'muted' },
    isFiltered ? h('a', { href: all }, 'Search all types and platforms') : '',
    text
      ? ' All of the words are looked for, the last one by its beginning, in names, columns, descriptions and tags.'
      : ' Nothing was told to the catalogue yet: the pipeline tells it after each publish (make pipeline).',
  );

/** dbt's entity of a table and the warehouse's are one line, where the first of them stands. */
function grouped(hits: readonly Hit[]): Hit[][] {
  const groups = new Map<string, Hit[]>();
  for (const hit of hits) {
    const key = /^urn:li:dataset:\(urn:li:dataPlatform:[^,]*,(.*)\)$/.exec(hit.urn)?.[1] ?? hit.urn;
    groups.set(key, [...(groups.get(key) ?? []), hit]);
  }
  return [...groups.values()].map((all) =>
    [...all].sort((a, b) => Number(platform(b) === 'dbt') - Number(platform(a) === 'dbt')),
  );
}

const platform = (hit: Hit): string | undefined => hit.platform?.urn.split(':').at(-1);

function hit(all: Hit[]): HTMLElement {
  const [first] = all as [Hit, ...Hit[]];
  const { properties, urn } = first;
  const name = properties?.name || properties?.title || properties?.displayName || first.name || urn;
  const description = first.editableProperties?.description || properties?.description || '';
  const kind = first.subTypes?.typeNames?.[0] ?? word(typeOf(urn));
  const platforms = [...new Set(all.map(platform).filter(Boolean))].join(' + ');
  const tags = [...new Set(all.flatMap(({ tags }) => tags?.tags.map(({ tag }) => tag.urn) ?? []))];
  return h(
    'li',
    {},
    h('a', { href: pageOf(urn), class: 'name' }, name),
    first.deprecation?.deprecated && h('span', { class: 'badge bad' }, 'deprecated'),
    h('div', { class: 'muted' }, [kind, platforms, within(urn)].filter(Boolean).join(' · ')),
    description && h('p', {}, description.length > 240 ? `${description.slice(0, 240)}…` : description),
    tags.length > 0 &&
      h(
        'p',
        {},
        ...tags.map((tag) =>
          h('a', { class: 'badge', href: pageOf(tag) }, tag.split(':').slice(3).join(':')),
        ),
      ),
  );
}
