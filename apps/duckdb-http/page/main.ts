import { Problem, Session } from '@stack/page';
import { download, query, tables, type TableInfo } from './api';
import { showChart } from './chart';
import { Editor } from './editor';
import { showGrid } from './grid';
import { past, remember } from './history';

/** Rows that the page asks for; an export has all. */
const MOST_ROWS = 1_000_000;

const element = <E extends HTMLElement = HTMLElement>(id: string): E => document.getElementById(id) as E;
const number = (value: number): string => value.toLocaleString('en');
const size = (bytes: number): string =>
  bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

const status = element('status');
const errorBox = element('error');
const [gridPlace, chartPlace] = [element('grid'), element('chart')];
const [runButton, cancelButton] = [element<HTMLButtonElement>('run'), element<HTMLButtonElement>('cancel')];
let running: AbortController | undefined;
/** Draws the chart of the result at hand, when it is looked at. */
let draw: (() => void) | undefined;

const session = new Session('duckdb-http', () => void start());
const editor = new Editor(element('editor'), fromAddress() ?? 'SHOW TABLES', () => void run());

function fromAddress(): string | null {
  return new URLSearchParams(location.hash.slice(1)).get('sql');
}

function address(sql: string): string {
  return `#${new URLSearchParams({ sql }).toString()}`;
}

/** Does work that can be cancelled, and tells what went wrong with it. */
async function working(say: string, work: (signal: AbortSignal) => Promise<string>): Promise<void> {
  running?.abort();
  const mine = (running = new AbortController());
  const started = performance.now();
  runButton.disabled = true;
  cancelButton.disabled = false;
  errorBox.hidden = true;
  editor.mark(undefined, '');
  const seconds = (): string => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  status.textContent = say;
  const ticking = setInterval(() => (status.textContent = `${say} ${seconds()}`), 500);
  try {
    const done = await work(mine.signal);
    status.textContent = `${done} · ${seconds()}`;
  } catch (error) {
    status.textContent = mine.signal.aborted ? 'cancelled' : '';
    if (!mine.signal.aborted) tell(error);
  } finally {
    clearInterval(ticking);
    if (running === mine) {
      running = undefined;
      runButton.disabled = false;
      cancelButton.disabled = true;
    }
  }
}

function tell(error: unknown): void {
  if (session.isMissing(error)) return;
  const message = error instanceof Error ? error.message : String(error);
  errorBox.textContent = message;
  if (error instanceof Problem) {
    editor.mark(error.position, message);
    const remedy = document.createElement('p');
    remedy.textContent = error.remedy;
    errorBox.append(remedy);
  }
  errorBox.hidden = false;
}

async function run(): Promise<void> {
  const sql = editor.text.trim();
  if (sql === '') return;
  editor.closeCompletion();
  history.replaceState(null, '', address(sql));
  // What is shown is of another query until this one's answer is there.
  for (const place of [gridPlace, chartPlace]) place.classList.add('stale');
  await working('running …', async (signal) => {
    const { table, bytes } = await query(session, sql, MOST_ROWS + 1, signal, (come) => {
      status.textContent = `reading … ${size(come)}`;
    });
    remember(sql);
    listHistory();
    element('views').hidden = false;
    draw = () => showChart(chartPlace, table);
    await show(chartPlace.hidden ? 'grid' : 'chart', () => showGrid(gridPlace, table));
    for (const place of [gridPlace, chartPlace]) place.classList.remove('stale');
    const isCut = table.numRows > MOST_ROWS;
    return isCut
      ? `the first ${number(MOST_ROWS)} rows: export has all · ${size(bytes)}`
      : `${number(table.numRows)} ${table.numRows === 1 ? 'row' : 'rows'} · ${size(bytes)}`;
  });
}

async function show(view: 'grid' | 'chart', grid?: () => Promise<void>): Promise<void> {
  gridPlace.hidden = view !== 'grid';
  chartPlace.hidden = view !== 'chart';
  element('show-grid').setAttribute('aria-selected', String(view === 'grid'));
  element('show-chart').setAttribute('aria-selected', String(view === 'chart'));
  // A grid that isn't in sight has no size to fill.
  gridPlace.hidden = false;
  await grid?.();
  gridPlace.hidden = view !== 'grid';
  if (view === 'chart') draw?.();
}

async function exportAs(format: string): Promise<void> {
  const sql = editor.text.trim();
  await working('exporting …', async (signal) => {
    const blob = await download(session, sql, format, signal);
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = `result.${format}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    return `result.${format} · ${size(blob.size)}`;
  });
}

function item(...children: (Node | string)[]): HTMLLIElement {
  const li = document.createElement('li');
  li.append(...children);
  return li;
}

function made<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  text: string,
  className = '',
  onClick?: () => void,
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  node.textContent = text;
  node.className = className;
  if (onClick) node.addEventListener('click', onClick);
  return node;
}

const quoted = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;

function listTables(all: readonly TableInfo[]): void {
  const items = all.map(({ name, rows, columns }) => {
    const details = document.createElement('details');
    const summary = document.createElement('summary');
    summary.append(made('span', name), made('span', number(rows), 'count'));
    details.append(
      summary,
      made('button', 'Show rows', 'insert', () => {
        editor.text = `FROM ${quoted(name)} LIMIT 1000`;
        void run();
      }),
    );
    for (const column of columns) {
      const line = made('div', '', 'column');
      line.append(
        made('button', column.name, '', () => editor.insert(quoted(column.name))),
        made('span', column.type, 'type'),
      );
      details.append(line);
    }
    return item(details);
  });
  element('tables').replaceChildren(
    ...(items.length > 0 ? items : [item(made('p', 'nothing is published yet', 'insert'))]),
  );
}

function listHistory(): void {
  element('history').replaceChildren(
    ...past().map((sql) => {
      const button = made('button', sql.replace(/\s+/g, ' '), '', () => (editor.text = sql));
      button.title = sql;
      return item(button);
    }),
  );
}

async function load(): Promise<void> {
  const { tables: all, snapshot } = await tables(session);
  listTables(all);
  editor.know(all);
  element('sign-out').hidden = false;
  element('snapshot').textContent =
    snapshot.publishedAt === null
      ? 'nothing is published yet'
      : `published ${new Date(snapshot.publishedAt).toLocaleString()}`;
}

async function start(): Promise<void> {
  try {
    await load();
    if (fromAddress() !== null) await run();
  } catch (error) {
    tell(error);
  }
}

element('sign-out').addEventListener('click', () => session.signOut());
runButton.addEventListener('click', () => void run());
cancelButton.addEventListener('click', () => running?.abort());
element('show-grid').addEventListener('click', () => void show('grid'));
element('show-chart').addEventListener('click', () => void show('chart'));
element<HTMLSelectElement>('export').addEventListener('change', ({ target }) => {
  const select = target as HTMLSelectElement;
  const format = select.value;
  select.value = '';
  if (format) void exportAs(format);
});
element('link').addEventListener('click', () => {
  const link = `${location.origin}${location.pathname}${address(editor.text.trim())}`;
  navigator.clipboard.writeText(link).then(
    () => (status.textContent = 'copied'),
    () => history.replaceState(null, '', link),
  );
});
addEventListener('hashchange', () => {
  const sql = fromAddress();
  if (sql === null || sql === editor.text.trim()) return;
  editor.text = sql;
  void run();
});

listHistory();
session.begin();
