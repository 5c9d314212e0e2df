import type { Check, EntityView } from '../src/view/types';
import { h, table } from './dom';
import { list, record, text } from './json';
import { pageOf } from './names';
import { fieldsOf, mark } from './quality';

export interface Column {
  name: string;
  type: string;
  description: string;
  isKey: boolean;
  tags: string[];
}

/** DataHub's schema v2 paths say types: `[version=2.0].[type=struct].a` is `a`. */
const plain = (path: string): string => path.replace(/\[[^\]]*\]\.?/g, '');

export function columnsOf({ aspects }: EntityView): Column[] {
  const edited = new Map(
    list(aspects.editableSchemaMetadata?.editableSchemaFieldInfo)
      .map(record)
      .map((one) => [text(one.fieldPath), one]),
  );
  return list(aspects.schemaMetadata?.fields)
    .map(record)
    .map((field) => {
      const more = edited.get(text(field.fieldPath));
      const tags = [field.globalTags, more?.globalTags].flatMap((one) => list(record(one).tags));
      return {
        name: plain(text(field.fieldPath)),
        type: text(field.nativeDataType),
        description: text(more?.description) || text(field.description),
        isKey: field.isPartOfKey === true,
        tags: tags.map((one) => text(record(one).tag).split(':').slice(3).join(':')),
      };
    });
}

export function showColumns(place: HTMLElement, entity: EntityView, columns: readonly Column[]): void {
  const filter = h('input', {
    type: 'search',
    placeholder: 'Filter columns',
    'aria-label': 'Filter columns',
    input: () => draw(),
  });
  const rows = h('div');
  const draw = (): void => {
    const wanted = filter.value.trim().toLowerCase();
    const fit = columns.filter(({ name, description }) =>
      `${name} ${description}`.toLowerCase().includes(wanted),
    );
    rows.replaceChildren(
      table(
        'Columns',
        ['Column', 'Type', 'Description', 'Tests', 'Look at'],
        fit.map((column) => [
          h('span', {}, h('code', {}, column.name), column.isKey && h('span', { class: 'badge' }, 'key')),
          h('span', { class: 'muted' }, column.type),
          h('span', {}, column.description, ...column.tags.map((tag) => h('span', { class: 'badge' }, tag))),
          h('span', {}, ...checksOf(entity.checks, column.name).map((check) => mark(check))),
          h(
            'span',
            { class: 'actions' },
            h(
              'a',
              {
                href: pageOf(entity.urn, { tab: 'lineage', column: column.name }),
                'aria-label': `Lineage of ${column.name}`,
              },
              'lineage',
            ),
            h(
              'a',
              {
                href: pageOf(entity.urn, { tab: 'impact', column: column.name }),
                'aria-label': `Impact of ${column.name}`,
              },
              'impact',
            ),
          ),
        ]),
      ),
    );
  };
  draw();
  place.append(...(columns.length > 10 ? [filter] : []), rows);
}

const checksOf = (checks: readonly Check[], column: string): Check[] =>
  checks.filter((check) => fieldsOf(check).includes(column));
