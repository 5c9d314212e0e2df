/** Elements, made of text that nobody reads as HTML. */

type Child = Node | string | number | false | null | undefined;
type Properties = Record<string, string | number | boolean | undefined | ((event: Event) => void)>;

/**
 * An element with its children.
 *
 * @param properties attributes; a function listens to the event of that name
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: (Child | Child[])[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== undefined && value !== false) node.setAttribute(name, String(value));
  }
  node.append(
    ...children.flat().flatMap((child) => {
      if (child === false || child === null || child === undefined) return [];
      return [typeof child === 'number' ? String(child) : child];
    }),
  );
  return node;
}

/** A table with a head; cells are texts or elements. */
export function table(caption: string, head: readonly string[], rows: readonly Child[][]): HTMLElement {
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    h(
      'table',
      {},
      h('thead', {}, h('tr', {}, ...head.map((one) => h('th', { scope: 'col' }, one)))),
      h('tbody', {}, ...rows.map((cells) => h('tr', {}, ...cells.map((cell) => h('td', {}, cell))))),
    ),
  );
}

/** A choice; each option is a value and its words. */
export function select(
  label: string,
  options: readonly (readonly [value: string, words: string])[],
  chosen: string,
  change: (value: string) => void,
): HTMLElement {
  const list = h(
    'select',
    { change: ({ target }) => change((target as HTMLSelectElement).value) },
    ...options.map(([value, words]) => h('option', { value, selected: value === chosen }, words)),
  );
  return h('label', {}, label, ' ', list);
}

export const count = (number: number, one: string, many = `${one}s`): string =>
  `${number.toLocaleString('en')} ${number === 1 ? one : many}`;

/** In the words of whoever looks: local time. */
export const when = (milliseconds: number): HTMLTimeElement => {
  const date = new Date(milliseconds);
  const words = date.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
  return h('time', { datetime: date.toISOString() }, words);
};

/** A link out, if it is one: nothing else is clicked. */
export const outside = (url: string, words = url): HTMLElement =>
  /^https?:\/\//i.test(url) ? h('a', { href: url, rel: 'noreferrer' }, words) : h('span', {}, words);
