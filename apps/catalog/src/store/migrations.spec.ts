import { postgres } from '@stack/postgres';
import { Database } from '@stack/postgres/client';
import { TestStack } from '@stack/testing';
import { MIGRATIONS } from './migrations';
import { Search } from './search';

describe('a catalogue of an earlier version', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('postgres');
  });
  afterAll(() => stack.remove());

  it('is searched as before, by words, names and fields', async () => {
    const url = stack.resolve(postgres.url('sql', { database: 'earlier' }));
    const open = (migrations: readonly string[]) => Database.open(url, migrations, () => undefined);
    const before = await open(MIGRATIONS.slice(0, 1));
    const parts = {
      tagKey: { name: 'pii', texts: { A: ' pii' }, fields: { id: ['pii'] } },
      tagProperties: {
        name: 'Personal data',
        texts: { A: ' personal data', C: " what isn't ours" },
        fields: { name: ['Personal data'], description: ['what isn’t ours'] },
      },
      status: { texts: {}, fields: { removed: ['false'] } },
    };
    await before.rows("insert into entities (urn, type, parts) values ('urn:li:tag:pii', 'tag', $1)", [
      parts,
    ]);
    await before.close();

    const database = await open(MIGRATIONS);
    const search = new Search(database);
    const hit = { urn: 'urn:li:tag:pii', type: 'tag', name: 'Personal data' };
    for (const text of ['personal data', 'pii', 'what our', '*'])
      expect(await search.find({ text }, 0, 10)).toEqual({ total: 1, hits: [hit] });
    const filters = (values: string[]) => [[{ field: 'name', values }]];
    expect((await search.find({ filters: filters(['Personal data']) }, 0, 10)).total).toBe(1);
    expect((await search.find({ filters: filters(['data']) }, 0, 10)).total).toBe(0);
    await database.close();
  });
});
