import type { EntityView, Graph, GraphNode } from '../src/view/types';
import { columnsOf } from './columns';
import { count, h, select, table } from './dom';
import type { Shell } from './main';
import { kindOf, pageOf } from './names';

/** Of as many, owners are asked for. */
const MOST_OWNERS = 500;
const FURTHEST = 20;

/** What breaks when the entity, or one of its columns, goes or changes. */
export async function showImpact(
  shell: Shell,
  place: HTMLElement,
  entity: EntityView,
  view: URLSearchParams,
): Promise<void> {
  const columns = columnsOf(entity).map(({ name }) => name);
  const body = h('div', { 'aria-live': 'polite' });
  const chosen = view.get('column') ?? '';
  const draw = async (column: string): Promise<void> => {
    shell.note(pageOf(entity.urn, { tab: 'impact', column }));
    try {
      const urn = column ? `urn:li:schemaField:(${entity.urn},${column})` : entity.urn;
      const graph = await shell.api.graph(urn, 'downstream', FURTHEST);
      const reached = graph.nodes.filter(({ urn: one }) => one !== graph.root);
      const owners =
        reached.length > 0
          ? await shell.api.owners(reached.slice(0, MOST_OWNERS).map(({ urn: one }) => one))
          : new Map();
      body.replaceChildren(...report(column || entity.name, graph, reached, owners, column !== ''));
    } catch (error) {
      shell.tell(error, body);
    }
  };
  place.append(
    h(
      'div',
      { class: 'controls' },
      select(
        'What if this goes or changes?',
        [['', `all of ${entity.name}`], ...columns.map((name) => [name, name] as const)],
        chosen,
        (column) => void draw(column),
      ),
    ),
    body,
  );
  await draw(chosen);
}

function report(
  what: string,
  graph: Graph,
  reached: readonly GraphNode[],
  owners: Map<string, string[]>,
  isColumn: boolean,
): HTMLElement[] {
  const root = graph.nodes.find(({ urn }) => urn === graph.root)!;
  const tests = new Set(graph.nodes.flatMap((node) => node.tests)).size;
  const sure = reached.filter((node) => !node.isPossible);
  const possible = reached.filter((node) => node.isPossible);
  const testWords =
    tests > 0
      ? `; ${count(tests, 'test')} ${tests === 1 ? 'looks' : 'look'} at it or at what is made of it`
      : '';
  const sentence = isColumn
    ? reached.length === 0
      ? `No other column is known to be made of ${what}`
      : `${what} is in ${count(sure.length, 'other table')}, and ${count(possible.length, 'more that reads', 'more that read')} those tables without saying which columns`
    : reached.length === 0
      ? `Nothing is known to come of ${what}`
      : `${count(reached.length, 'entity', 'entities')} ${reached.length === 1 ? 'comes' : 'come'} of ${what}`;
  return [
    h('p', { class: 'summary' }, `${sentence}${testWords}.`),
    ...(graph.isCut ? [h('p', { class: 'error' }, 'There is more than is shown here.')] : []),
    ...section(isColumn ? 'Has the column in it' : 'Comes of it', sure, owners, isColumn),
    ...section('Reads a table that has it', possible, owners, false),
    ...(isColumn
      ? [
          h(
            'p',
            { class: 'muted' },
            `Columns are followed through what SQL selects. A column that is only filtered, joined or sorted by isn’t: look at all of ${root.name}, too.`,
          ),
        ]
      : []),
  ];
}

function section(
  title: string,
  nodes: readonly GraphNode[],
  owners: Map<string, string[]>,
  isColumn: boolean,
): HTMLElement[] {
  if (nodes.length === 0) return [];
  const name = (urn: string): string => urn.split(':').slice(3).join(':');
  return [
    h('h2', {}, `${title}: ${nodes.length}`),
    table(
      title,
      ['Name', 'Kind', 'Steps', ...(isColumn ? ['Columns', 'Tests'] : []), 'Tell'],
      [...nodes]
        .sort((a, b) => a.degree - b.degree || a.name.localeCompare(b.name))
        .map((node) => [
          h('a', { href: pageOf(node.urn) }, node.name),
          kindOf(node),
          node.degree,
          ...(isColumn ? [h('code', {}, node.columns.join(', ')), node.tests.length || ''] : []),
          (owners.get(node.urn) ?? []).map(name).join(', '),
        ]),
    ),
  ];
}
