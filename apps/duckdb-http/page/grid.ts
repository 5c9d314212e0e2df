import 'regular-table';
import type { RegularTableElement } from 'regular-table';
import type { Table } from '@uwdata/flechette';
import { isNumber, show } from './values';

/** Shows a table of any length: only what is in sight has elements. */
export async function showGrid(place: HTMLElement, table: Table): Promise<void> {
  const grid = document.createElement('regular-table') as RegularTableElement;
  const { fields } = table.schema;
  const columns = fields.map((_, i) => table.getChildAt(i));
  grid.setDataListener(async (x0: number, y0: number, x1: number, y1: number) => {
    const shown = columns.slice(x0, x1);
    const rows = Array.from({ length: Math.max(0, y1 - y0) }, (_, i) => y0 + i);
    return {
      num_rows: table.numRows,
      num_columns: columns.length,
      column_headers: fields.slice(x0, x1).map(({ name }) => [name]),
      row_headers: rows.map((row) => [(row + 1).toLocaleString('en')]),
      data: shown.map((column, i) => rows.map((row) => show(column.at(row), fields[x0 + i]!.type))),
    };
  });
  grid.addStyleListener(() => {
    for (const cell of grid.querySelectorAll<HTMLElement>('tbody td, thead th')) {
      const { x, value } = (grid.getMeta(cell as HTMLTableCellElement) ?? {}) as {
        x?: number;
        value?: unknown;
      };
      const field = x === undefined ? undefined : fields[x];
      cell.classList.toggle('number', field !== undefined && isNumber(field));
      cell.classList.toggle('null', cell.tagName === 'TD' && value === 'NULL');
      cell.title = cell.tagName === 'TD' && String(value).length > 40 ? String(value) : '';
    }
  });
  place.replaceChildren(grid);
  await grid.draw();
}
