import { Problem, Session } from '@stack/page';
import { Api } from './api';
import { h } from './dom';
import { showEntity } from './entity';
import { urnIn } from './names';
import { showSearch } from './search';

/** What a view needs of the page that it is in. */
export interface Shell {
  api: Api;
  /** Goes to another address of this page. */
  go: (address: string) => void;
  /** Changes the address without going anywhere: the same view, looked at otherwise. */
  note: (address: string) => void;
  /** Says something to who looks, and to who listens. */
  say: (words: string) => void;
  /** Shows what went wrong, in a place. */
  tell: (error: unknown, place: HTMLElement) => void;
}

const element = <E extends HTMLElement = HTMLElement>(id: string): E => document.getElementById(id) as E;
const main = element('main');
const query = element<HTMLInputElement>('query');

const session = new Session('catalog', () => void show());
const shell: Shell = {
  api: new Api(session),
  go: (address) => {
    history.pushState(null, '', address);
    void show().then(() => main.focus());
  },
  note: (address) => history.replaceState(null, '', address),
  say: (words) => (element('status').textContent = words),
  tell: (error, place) => {
    shell.say('');
    if (session.isMissing(error)) return;
    const message = error instanceof Error ? error.message : String(error);
    const remedy = error instanceof Problem ? error.remedy : '';
    place.replaceChildren(
      h(
        'div',
        { class: 'error', role: 'alert' },
        h('p', {}, message),
        remedy && h('p', { class: 'muted' }, remedy),
      ),
    );
  },
};

/** The last one asked for is shown, however late others answer. */
let asked = 0;
async function show(): Promise<void> {
  const mine = (asked += 1);
  const urn = urnIn(location.pathname);
  const view = new URLSearchParams(location.search);
  element('sign-out').hidden = false;
  if (!urn) query.value = view.get('q') ?? '';
  const late = setTimeout(() => shell.say('loading …'), 300);
  const place = h('div');
  try {
    await (urn ? showEntity(shell, place, urn, view) : showSearch(shell, place, view));
  } catch (error) {
    shell.tell(error, place);
  }
  clearTimeout(late);
  if (mine !== asked) return;
  if (element('status').textContent === 'loading …') shell.say('');
  main.replaceChildren(place);
  scrollTo(0, 0);
}

element<HTMLFormElement>('search').addEventListener('submit', (event) => {
  event.preventDefault();
  shell.go(`/?${new URLSearchParams({ q: query.value.trim() }).toString()}`);
});
element('sign-out').addEventListener('click', () => session.signOut());
addEventListener('popstate', () => void show());
document.addEventListener('click', (event) => {
  const link = (event.target as Element).closest('a');
  const isOurs = link?.origin === location.origin && !link.hash && !link.download;
  if (
    !isOurs ||
    event.defaultPrevented ||
    event.button !== 0 ||
    event.metaKey ||
    event.ctrlKey ||
    event.shiftKey
  )
    return;
  event.preventDefault();
  shell.go(link.pathname + link.search);
});
addEventListener('keydown', (event) => {
  const isTyping = (event.target as Element).matches('input, select, textarea');
  if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  query.focus();
  query.select();
});
session.begin();
