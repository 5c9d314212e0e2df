import * as Plot from '@observablehq/plot';
import type { Field, Table } from '@uwdata/flechette';
import { isNumber, isTime, plottable } from './values';

/** Rows that are drawn; of more the first. */
const DRAWN = 5_000;

const MARKS = ['bar', 'line', 'dot'] as const;
type Mark = (typeof MARKS)[number];

interface Choice {
  mark: Mark;
  x: number;
  y: number;
  /** -1: one colour */
  color: number;
}

/** A first guess: what is a time or a name along the bottom, the first number up. */
function guess(fields: readonly Field[]): Choice | undefined {
  const y = fields.findIndex((field, i) => isNumber(field) && (i > 0 || fields.length === 1));
  const height = y >= 0 ? y : fields.findIndex(isNumber);
  if (height < 0) return undefined;
  const time = fields.findIndex(isTime);
  const name = fields.findIndex((field, i) => i !== height && !isNumber(field));
  const other = fields.findIndex((_, i) => i !== height);
  const x = [time, name, other, height].find((i) => i >= 0) as number;
  const mark = isTime(fields[x]!) ? 'line' : isNumber(fields[x]!) ? 'dot' : 'bar';
  return { mark, x, y: height, color: -1 };
}

/** Draws a result, with a choice of columns above it. */
export function showChart(place: HTMLElement, table: Table): void {
  const { fields } = table.schema;
  const choice = guess(fields);
  const note = document.createElement('p');
  note.className = 'note';
  if (!choice || table.numRows === 0) {
    note.textContent = table.numRows === 0 ? 'No rows to draw.' : 'A chart needs a column of numbers.';
    place.replaceChildren(note);
    return;
  }
  const count = Math.min(table.numRows, DRAWN);
  if (count < table.numRows)
    note.textContent = `The first ${count.toLocaleString('en')} of ${table.numRows.toLocaleString('en')} rows: aggregate to draw all.`;
  const rows = Array.from({ length: count }, (_, i) => i);
  const channel = (column: number) => {
    const values = table.getChildAt(column);
    return rows.map((row) => plottable(values.at(row), fields[column]!.type));
  };
  const figure = document.createElement('div');
  const draw = (): void => {
    const { mark, x, y, color } = choice;
    const channels = {
      x: channel(x),
      y: channel(y),
      ...(color >= 0 && { [mark === 'line' ? 'stroke' : 'fill']: channel(color) }),
    };
    const isBand = mark === 'bar' || !(isNumber(fields[x]!) || isTime(fields[x]!));
    const marks = {
      bar: () => Plot.barY(rows, { ...channels, tip: true }),
      line: () => Plot.lineY(rows, { ...channels, sort: channels.x, tip: true }),
      dot: () => Plot.dot(rows, { ...channels, tip: true }),
    };
    figure.replaceChildren(
      Plot.plot({
        width: Math.max(320, place.clientWidth - 32),
        height: Math.max(240, place.clientHeight - 90),
        marginLeft: 60,
        marginBottom: 50,
        style: { background: 'transparent', fontSize: '12px' },
        x: {
          label: fields[x]!.name,
          ...(isBand && { type: 'band' as const, tickRotate: new Set(channels.x).size > 12 ? -45 : 0 }),
        },
        y: { label: fields[y]!.name, grid: true, ...(mark === 'bar' && { zero: true }) },
        color: { legend: color >= 0 },
        marks: [marks[mark](), ...(mark === 'dot' ? [] : [Plot.ruleY([0])])],
      }),
    );
  };
  const select = <K extends keyof Choice>(label: string, key: K, options: [string, Choice[K]][]) => {
    const element = document.createElement('select');
    for (const [text, value] of options) element.add(new Option(text, String(value)));
    element.ariaLabel = label;
    element.value = String(choice[key]);
    element.addEventListener('change', () => {
      choice[key] = options[element.selectedIndex]![1];
      draw();
    });
    const wrapper = document.createElement('label');
    wrapper.append(`${label} `, element);
    return wrapper;
  };
  const names = fields.map(({ name }, i): [string, number] => [name, i]);
  const form = document.createElement('form');
  form.append(
    select(
      'Mark',
      'mark',
      MARKS.map((mark) => [mark, mark]),
    ),
    select('x', 'x', names),
    select(
      'y',
      'y',
      names.filter(([, i]) => isNumber(fields[i]!)),
    ),
    select('Colour', 'color', [['one', -1], ...names]),
  );
  place.replaceChildren(form, note, figure);
  draw();
}
