import type { EntityView } from '../src/view/types';
import { columnsOf, showColumns } from './columns';
import { count, h, outside, table, when } from './dom';
import { list, record, text, timeOf } from './json';
import { showHistory } from './history';
import { showImpact } from './impact';
import { showLineage } from './lineage';
import type { Shell } from './main';
import { pageOf, word } from './names';
import { failing, showQuality } from './quality';
import { runsIn, showRuns } from './runs';
import { showUsage } from './usage';

interface Tab {
  key: string;
  words: string;
  show: (place: HTMLElement) => void | Promise<void>;
}

/** One entity: what it is, and a tab for each thing that is known of it. */
export async function showEntity(
  shell: Shell,
  place: HTMLElement,
  urn: string,
  view: URLSearchParams,
): Promise<void> {
  const entity = await shell.api.entity(urn);
  document.title = `${entity.name} · Catalogue`;
  const tabs = tabsOf(shell, entity, view);
  const panel = h('div', { id: 'panel', role: 'tabpanel', tabindex: 0 });
  const buttons = tabs.map(({ key, words }) =>
    h(
      'button',
      { role: 'tab', id: `tab-${key}`, 'aria-controls': 'panel', click: () => void choose(key) },
      words,
    ),
  );

  async function choose(key: string, isFirst = false): Promise<void> {
    const tab = tabs.find((one) => one.key === key) ?? tabs[0]!;
    for (const button of buttons) {
      const isChosen = button.id === `tab-${tab.key}`;
      button.setAttribute('aria-selected', String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
    }
    panel.setAttribute('aria-labelledby', `tab-${tab.key}`);
    panel.className = tab.key;
    if (!isFirst) shell.note(pageOf(urn, { tab: tab.key === tabs[0]!.key ? undefined : tab.key }));
    panel.replaceChildren();
    try {
      await tab.show(panel);
    } catch (error) {
      shell.tell(error, panel);
    }
  }
  const strip = h(
    'div',
    {
      role: 'tablist',
      'aria-label': 'About it',
      keydown: (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[(event as KeyboardEvent).key];
        const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
        if (!step || at < 0) return;
        const next = buttons[(at + step + buttons.length) % buttons.length]!;
        next.focus();
        next.click();
      },
    },
    ...buttons,
  );
  place.append(heading(shell, entity), strip, panel);
  // After the page has it: what a tab draws needs its place.
  setTimeout(() => void choose(view.get('tab') ?? '', true));
}

function tabsOf(shell: Shell, entity: EntityView, view: URLSearchParams): Tab[] {
  const columns = columnsOf(entity);
  const bad = failing(entity.checks);
  const { checks, runs, usage, related } = entity;
  const tabs: (Tab | false)[] = [
    { key: 'overview', words: 'Overview', show: (place) => place.append(...overview(entity)) },
    columns.length > 0 && {
      key: 'columns',
      words: `Columns ${columns.length}`,
      show: (place) => showColumns(place, entity, columns),
    },
    { key: 'lineage', words: 'Lineage', show: (place) => showLineage(shell, place, entity, view) },
    { key: 'impact', words: 'Impact', show: (place) => showImpact(shell, place, entity, view) },
    checks.length > 0 && {
      key: 'quality',
      words: `Quality ${bad > 0 ? `✗ ${bad} of ${checks.length}` : checks.length}`,
      show: (place) => showQuality(place, checks),
    },
    runs.length > 0 && { key: 'runs', words: `Runs ${runsIn(runs)}`, show: (place) => showRuns(place, runs) },
    usage.length > 0 && { key: 'usage', words: 'Usage', show: (place) => showUsage(place, usage) },
    related.length > 0 && {
      key: 'related',
      words: `Related ${related.length}`,
      show: (place) =>
        place.append(
          table(
            'Related',
            ['Name', 'Type', 'Relationship'],
            related.map((one) => [
              h('a', { href: pageOf(one.urn) }, one.name),
              word(one.type),
              one.relationship,
            ]),
          ),
        ),
    },
    { key: 'history', words: 'History', show: (place) => showHistory(shell, place, entity) },
    { key: 'aspects', words: 'Aspects', show: (place) => place.append(...aspects(entity)) },
  ];
  return tabs.filter((one): one is Tab => one !== false);
}

function heading(shell: Shell, entity: EntityView): HTMLElement {
  const { name, urn, platform, siblings, aspects } = entity;
  const kind = text(list(aspects.subTypes?.typeNames)[0]) || word(entity.type);
  const platforms = [platform, ...siblings.map((one) => /dataPlatform:([^,)]+)/.exec(one)?.[1])];
  const properties = propertiesOf(entity);
  const url = text(properties.externalUrl) || text(properties.dashboardUrl) || text(properties.chartUrl);
  return h(
    'div',
    { class: 'heading' },
    h('h1', {}, name),
    h('span', { class: 'badge' }, kind),
    ...platforms.filter(Boolean).map((one) => h('span', { class: 'badge' }, one)),
    aspects.status?.removed === true && h('span', { class: 'badge bad' }, 'removed'),
    aspects.deprecation?.deprecated === true && h('span', { class: 'badge bad' }, 'deprecated'),
    url && outside(url, 'Open'),
    h(
      'button',
      {
        title: urn,
        click: () =>
          void navigator.clipboard.writeText(urn).then(
            () => shell.say('URN copied'),
            () => shell.say(urn),
          ),
      },
      'Copy URN',
    ),
  );
}

/** The aspect that has name and description, whatever the type calls it. */
function propertiesOf({ aspects }: EntityView): Record<string, unknown> {
  const names = Object.keys(aspects).filter((name) => /^(?!editable).*(Properties|Info)$/.test(name));
  const main = names.filter((name) => !['viewProperties', 'structuredProperties'].includes(name));
  return record(aspects[main[0] ?? '']);
}

function overview(entity: EntityView): (HTMLElement | string)[] {
  const { aspects, names } = entity;
  const properties = propertiesOf(entity);
  const edited = Object.entries(aspects).find(([name]) => /^editable.*Properties$/.test(name))?.[1];
  const description =
    text(edited?.description) || text(properties.description) || text(properties.definition);
  const named = (urn: unknown): HTMLElement =>
    h('a', { href: pageOf(text(urn)) }, names[text(urn)] ?? text(urn));
  const owners = list(aspects.ownership?.owners).map(record);
  const tags = list(aspects.globalTags?.tags).map((one) => record(one).tag);
  const terms = list(aspects.glossaryTerms?.terms).map((one) => record(one).urn);
  const domains = list(aspects.domains?.domains);
  const links = list(aspects.institutionalMemory?.elements).map(record);
  const custom = Object.entries(record(properties.customProperties));
  const inside = text(aspects.container?.container);
  const note = text(aspects.deprecation?.note);
  const changed = timeOf(properties.lastModified);
  const sql = text(aspects.viewProperties?.formattedViewLogic) || text(aspects.viewProperties?.viewLogic);
  const facts: [string, (HTMLElement | string)[]][] = [
    [
      'Owners',
      owners.map(({ owner, type }) =>
        h('span', {}, named(owner), h('span', { class: 'muted' }, ` ${roleOf(text(type))}`)),
      ),
    ],
    ['Tags', tags.map(named)],
    ['Terms', terms.map(named)],
    ['Domain', domains.map(named)],
    ['Within', inside ? [named(inside)] : []],
    ['Links', links.map(({ url, description: words }) => outside(text(url), text(words) || text(url)))],
    ['Changed', changed ? [when(changed)] : []],
    ['Also', entity.siblings.map((one) => h('code', {}, one))],
  ];
  return [
    description
      ? h('p', { class: 'description' }, description)
      : h('p', { class: 'muted' }, 'No description was told.'),
    ...(note ? [h('p', { class: 'error' }, `Deprecated: ${note}`)] : []),
    h(
      'dl',
      {},
      ...facts
        .filter(([, values]) => values.length > 0)
        .flatMap(([name, values]) => [h('dt', {}, name), ...values.map((value) => h('dd', {}, value))]),
    ),
    ...(sql ? [h('details', {}, h('summary', {}, 'SQL'), h('pre', { tabindex: 0 }, sql))] : []),
    ...(custom.length > 0
      ? [
          h('h2', {}, 'Properties'),
          table(
            'Properties',
            ['Name', 'Value'],
            custom.map(([name, value]) => [name, h('code', {}, text(value))]),
          ),
        ]
      : []),
  ];
}

/** `TECHNICAL_OWNER` → `technical owner`; DataHub's old names are as good as none. */
const roleOf = (type: string): string => (/_/.test(type) ? type.toLowerCase().replaceAll('_', ' ') : '');

/** All of it, as it was told. */
function aspects(entity: EntityView): HTMLElement[] {
  const all = Object.entries(entity.aspects);
  return [
    h('p', { class: 'muted' }, `${count(all.length, 'aspect')} of ${entity.urn}, as they were told`),
    ...all.map(([name, value]) =>
      h('details', {}, h('summary', {}, name), h('pre', { tabindex: 0 }, JSON.stringify(value, null, 2))),
    ),
  ];
}
