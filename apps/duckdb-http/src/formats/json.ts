import { literal } from '@stack/snapshot';
import { checkSize, type Column, type Format } from './format';
import { jsonText } from './sql-values';
import { textsOf } from './texts';

/** What a row's JSON object is put together from: SQL expressions, one after the other. */
function object(columns: readonly Column[]): string {
  const members = columns.map(({ name, type }, i) => {
    const key = literal(`${i > 0 ? ',' : '{'}${JSON.stringify(name)}:`);
    return `${key}, ${jsonText(type, `c${i}`)}`;
  });
  return `${members.join(', ')}, '}'`;
}

/** One JSON array of objects. */
export const rows: Format = {
  mediaType: 'application/json; charset=utf-8',
  encoder: async (all) => ({
    select: `concat(',', ${object(all)})`,
    async *encode(chunks) {
      let first = true;
      for await (const chunk of chunks) {
        const texts = textsOf(chunk, 0);
        // In place of the first row's comma.
        if (first) texts.write('[');
        first = false;
        yield texts;
      }
      yield Buffer.from(first ? '[]\n' : ']\n');
    },
  }),
};

/** One JSON object a line. */
export const ndjson: Format = {
  mediaType: 'application/x-ndjson; charset=utf-8',
  encoder: async (all) => ({
    select: `concat(${object(all)}, chr(10))`,
    async *encode(chunks) {
      for await (const chunk of chunks) yield textsOf(chunk, 0);
    },
  }),
};

/** One JSON object with a list for each column. It is whole only at the end, and held until then. */
export const columns: Format = {
  mediaType: 'application/json; charset=utf-8',
  encoder: async (all, room) => ({
    select: all.map(({ type }, i) => `concat(',', ${jsonText(type, `c${i}`)})`).join(', '),
    async *encode(chunks) {
      const parts: Buffer[][] = all.map(() => []);
      let bytes = 0;
      for await (const chunk of chunks) {
        for (const [i, part] of parts.entries()) {
          const texts = textsOf(chunk, i);
          part.push(texts);
          bytes += texts.length;
        }
        checkSize(bytes, room.memory);
      }
      for (const [i, part] of parts.entries()) {
        yield Buffer.from(`${i > 0 ? ',' : '{'}${JSON.stringify(all[i]!.name)}:[`);
        for (const [k, texts] of part.entries()) yield k === 0 ? texts.subarray(1) : texts;
        yield Buffer.from(']');
      }
      yield Buffer.from('}\n');
    },
  }),
};
