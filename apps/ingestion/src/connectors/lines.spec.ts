import { readLines } from './lines';

async function lines(chunks: (string | Buffer)[], limit = 10): Promise<string[]> {
  async function* input() {
    for (const chunk of chunks) yield Buffer.from(chunk as string);
  }
  const all: string[] = [];
  for await (const some of readLines(input(), limit)) all.push(...some);
  return all;
}

describe('lines', () => {
  it('are put together from chunks that end anywhere, also inside a character', async () => {
    const bytes = Buffer.from('a\nbé\n\nc');
    for (let at = 0; at <= bytes.length; at++)
      expect(await lines([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(['a', 'bé', 'c']);
  });

  it('may be as long as the limit, and no longer', async () => {
    expect(await lines(['0123456789\n', '01234', '56789\n'])).toEqual(['0123456789', '0123456789']);
    await expect(lines(['01234567890\n'])).rejects.toThrow('longer than 10 bytes');
    await expect(lines(['012345', '67890'])).rejects.toThrow('longer than 10 bytes');
  });

  it('have to be UTF-8', async () => {
    await expect(lines([Buffer.from([0xff, 10])])).rejects.toThrow("isn't UTF-8");
  });
});
