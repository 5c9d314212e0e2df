import type { Format } from './format';
import { csvText } from './sql-values';
import { textsOf } from './texts';

/** RFC 4180, with a header, and a line feed after each line; NULL is an empty field, an empty text is `""`. */
export const csv: Format = {
  mediaType: 'text/csv; charset=utf-8; header=present',
  encoder: async (columns) => ({
    select: `concat(${columns.map(({ type }, i) => csvText(type, `c${i}`)).join(`, ',', `)}, chr(10))`,
    async *encode(chunks) {
      yield Buffer.from(`${columns.map(({ name }) => field(name)).join(',')}\n`);
      for await (const chunk of chunks) yield textsOf(chunk, 0);
    },
  }),
};

function field(name: string): string {
  return /[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}
