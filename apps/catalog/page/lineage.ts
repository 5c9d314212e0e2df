import type { EntityView, GraphNode } from '../src/view/types';
import { columnsOf } from './columns';
import { count, h, select, table } from './dom';
import { GraphView } from './graph-view';
import { layOut } from './layout';
import type { Shell } from './main';
import { kindOf, pageOf } from './names';
import { ShownGraph } from './shown-graph';

const DEPTHS = [
  ['1', '1 step'],
  ['2', '2 steps'],
  ['3', '3 steps'],
  ['5', '5 steps'],
  ['20', 'all'],
] as const;

/** Where data comes from and where it goes, of the entity or of one column: as a graph, and the same as a list. */
export async function showLineage(
  shell: Shell,
  place: HTMLElement,
  entity: EntityView,
  view: URLSearchParams,
): Promise<void> {
  const chosen = {
    column: view.get('column') ?? '',
    direction: view.get('direction') ?? 'both',
    depth: view.get('depth') ?? '3',
    as: view.get('as') ?? 'graph',
  };
  const columns = columnsOf(entity).map(({ name }) => name);
  const body = h('div', { class: 'body' });
  const said = h('span', { class: 'muted', 'aria-live': 'polite' });
  let shown: ShownGraph | undefined;
  const graph = new GraphView({ button: (node) => buttonOf(node) });

  const buttonOf = (node: GraphNode) => {
    const isOpen = !shown!.isCollapsed(node.urn);
    const away = node.degree < 0 ? 'upstream' : 'downstream';
    if (!isOpen)
      return {
        words: '+',
        title: `Show what is ${away}`,
        press: () => void redraw(node.urn, () => shown!.toggle(node.urn)),
      };
    if (node.hidden > 0)
      return {
        words: `+${node.hidden}`,
        title: `Show ${node.hidden} more ${away}`,
        press: () => void further(node),
      };
    if (node.degree !== 0 && shown!.leads(node))
      return {
        words: '−',
        title: `Hide what is ${away}`,
        press: () => void redraw(node.urn, () => shown!.toggle(node.urn)),
      };
    return undefined;
  };

  const urnOf = (urn: string, column: string): string =>
    column ? `urn:li:schemaField:(${urn},${column})` : urn;

  async function load(): Promise<void> {
    const { column, direction, depth, as } = chosen;
    shell.note(
      pageOf(entity.urn, {
        tab: 'lineage',
        column,
        direction: direction === 'both' ? '' : direction,
        depth: depth === '3' ? '' : depth,
        as: as === 'graph' ? '' : as,
      }),
    );
    said.textContent = 'reading …';
    try {
      shown = new ShownGraph(await shell.api.graph(urnOf(entity.urn, column), direction, Number(depth)));
      await draw();
    } catch (error) {
      said.textContent = '';
      shell.tell(error, body);
    }
  }

  async function further(node: GraphNode): Promise<void> {
    try {
      const side = node.degree < 0 ? 'upstream' : 'downstream';
      const column = chosen.column ? (node.columns[0] ?? '') : '';
      const more = await shell.api.graph(urnOf(node.urn, column), side, 1);
      await redraw(node.urn, () => shown!.add(node.urn, more));
    } catch (error) {
      shell.tell(error, body);
    }
  }

  async function redraw(keep: string, change: () => void): Promise<void> {
    change();
    await draw(keep);
    graph.focusOn(keep, shown!.degreeOf(keep) < 0 ? -1 : 1);
  }

  async function draw(keep?: string): Promise<void> {
    const { nodes, edges } = shown!.shown;
    const words = `${count(nodes.length, 'entity', 'entities')}${shown!.isCut ? ', there is more than is shown' : ''}`;
    if (chosen.as === 'list') {
      body.replaceChildren(asList(nodes));
      said.textContent = words;
      return;
    }
    said.textContent = `placing ${words} …`;
    const { boxes, routes } = await layOut(nodes, edges);
    if (!body.contains(graph.element)) body.replaceChildren(graph.element);
    graph.show(boxes, routes, shown!.root, keep);
    said.textContent = nodes.length === 1 ? 'nothing is known to lead here, or from here' : words;
  }

  const choose = (key: keyof typeof chosen) => (value: string) => {
    chosen[key] = value;
    void load();
  };
  const press = (words: string, label: string, act: () => void): HTMLElement =>
    h('button', { 'aria-label': label, title: label, click: act }, words);
  place.append(
    h(
      'div',
      { class: 'controls', role: 'group', 'aria-label': 'What is shown' },
      columns.length > 0 &&
        select(
          'Of',
          [['', 'the whole table'], ...columns.map((name) => [name, name] as const)],
          chosen.column,
          choose('column'),
        ),
      select(
        'Direction',
        [
          ['both', 'both'],
          ['upstream', 'upstream'],
          ['downstream', 'downstream'],
        ],
        chosen.direction,
        choose('direction'),
      ),
      select('Depth', DEPTHS, chosen.depth, choose('depth')),
      select(
        'As',
        [
          ['graph', 'graph'],
          ['list', 'list'],
        ],
        chosen.as,
        choose('as'),
      ),
      h(
        'span',
        { role: 'group', 'aria-label': 'Zoom' },
        press('−', 'Zoom out', () => graph.scale(0.8)),
        press('+', 'Zoom in', () => graph.scale(1.25)),
        press('Fit', 'Fit all', () => graph.fit()),
      ),
      said,
    ),
    body,
  );
  await load();
}

/** The same for who reads, or listens. */
function asList(nodes: readonly GraphNode[]): HTMLElement {
  return table(
    'Lineage',
    ['Name', 'Kind', 'Where', 'Columns'],
    [...nodes]
      .sort((a, b) => a.degree - b.degree || a.name.localeCompare(b.name))
      .map((node) => [
        h('a', { href: pageOf(node.urn, { tab: 'lineage' }) }, node.name),
        kindOf(node),
        node.degree === 0
          ? 'here'
          : `${count(Math.abs(node.degree), 'step')} ${node.degree < 0 ? 'upstream' : 'downstream'}`,
        h('code', {}, node.columns.join(', ')),
      ]),
  );
}
