import { statSync } from 'node:fs';
import { TestStack } from '@stack/testing';
import { snowflake } from '@stack/snowflake';
import { Client, type Stream, addScripted, people, records, text, whole } from '../testing';

const time = { type: 'string', format: 'date-time', airbyte_type: 'timestamp_without_timezone' };

describe('a sync', () => {
  let stack: TestStack;
  let client: Client;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('ingestion');
    addScripted(stack);
    client = new Client(stack);
  });
  afterAll(() => stack.remove());

  const patch = (sourceId: string, configuration: object) => client.configure(sourceId, configuration);
  const names = (table: string) => client.names(table);

  describe('writes as its mode says', () => {
    const first = [
      { id: 1, name: 'a' },
      { id: 2, name: 'b' },
    ];
    it.each([
      ['full_refresh_overwrite', [[9, 'z']]],
      [
        'full_refresh_append',
        [
          [1, 'a'],
          [2, 'b'],
          [9, 'z'],
        ],
      ],
      ['full_refresh_overwrite_deduped', [[9, 'z']]],
    ])('%s', async (syncMode, expected) => {
      const { sourceId, connectionId } = await client.scripted(
        syncMode,
        [{ ...people, syncMode }],
        records(...first),
      );
      expect(await client.sync(connectionId)).toMatchObject({ status: 'succeeded', rowsSynced: 2 });
      await patch(sourceId, records({ id: 9, name: 'z' }));
      expect(await client.sync(connectionId)).toMatchObject({ status: 'succeeded', rowsSynced: 1 });
      expect(await names(`${syncMode}_people`)).toEqual(expected);
    });

    it('incremental_append goes on where it was', async () => {
      const syncMode = 'incremental_append';
      const { sourceId, connectionId } = await client.scripted(
        'inc',
        [{ ...people, syncMode }],
        records(...first),
      );
      await client.sync(connectionId);
      await patch(sourceId, records(...first, { id: 1, name: 'again' }));
      expect(await client.sync(connectionId)).toMatchObject({ rowsSynced: 1 });
      const before = statSync(stack.resolve(snowflake.output('path'))).mtimeMs;
      expect(await client.sync(connectionId)).toMatchObject({ rowsSynced: 0 });
      // What a run of the pipeline goes by when it asks whether anything is new.
      expect(statSync(stack.resolve(snowflake.output('path'))).mtimeMs).toBe(before);
      expect(await names('inc_people')).toEqual([
        [1, 'a'],
        [1, 'again'],
        [2, 'b'],
      ]);
    });

    it('incremental_deduped_history keeps the newest of a key, whenever it comes', async () => {
      const visits: Stream = {
        ...{ name: 'people', properties: { id: whole, name: text, at: time }, key: 'id', cursor: 'at' },
        syncMode: 'incremental_deduped_history',
      };
      const day = (n: number) => `2026-01-0${n}T00:00:00`;
      const before = [
        { id: 1, name: 'old', at: day(1) },
        { id: 1, name: 'new', at: day(3) },
        { id: 1, name: 'between', at: day(2) },
        { id: 2, name: 'b', at: day(5) },
        { id: null, name: 'nobody', at: day(5) },
      ];
      const { sourceId, connectionId } = await client.scripted('dedup', [visits], records(...before));
      expect(await client.sync(connectionId)).toMatchObject({ rowsSynced: 4, rowsQuarantined: 1 });
      expect(await names('dedup_people')).toEqual([
        [1, 'new'],
        [2, 'b'],
      ]);
      const after = [
        { id: 2, name: 'late', at: day(4) },
        { id: 1, name: 'newest', at: day(4) },
        { id: 3, name: 'c', at: null },
      ];
      await patch(sourceId, records(...before, ...after));
      expect(await client.sync(connectionId)).toMatchObject({ rowsSynced: 3 });
      expect(await names('dedup_people')).toEqual([
        [1, 'newest'],
        [2, 'b'],
        [3, 'c'],
      ]);
    });
  });

  it('keeps records that don’t fit aside, with the reason, and what the schema doesn’t name with the row', async () => {
    const odd = [
      { id: 1, name: 'fits', more: { deep: [1] } },
      { id: 'two', name: 'b' },
      { id: 3.5, name: 'c' },
      { id: 4, name: 'half \ud800 a character' },
    ];
    // Beyond what JavaScript's own numbers can say.
    const large = '{"stream":"people","data":{"id":9007199254740993,"name":5},"emitted_at":1767225600000}';
    const { connectionId } = await client.scripted('odd', [people], {
      ...(records(...odd) as object),
      steps: [{ print: `{"type":"RECORD","record":${large}}` }],
    });
    expect(await client.sync(connectionId)).toMatchObject({
      status: 'succeeded',
      rowsSynced: 3,
      rowsQuarantined: 2,
    });
    expect(
      await client.rows(`select reason, record ->> '$.name' from quarantine.airbyte_rows
      where table_name like '%odd_people%' order by 1`),
    ).toEqual([
      ['id: "two" is no BIGINT', 'b'],
      ['id: 3.5 is no BIGINT', 'c'],
    ]);
    expect(
      await client.rows(
        `select id::varchar, name, _airbyte_meta ->> '$.extra' from raw_airbyte.odd_people order by id`,
      ),
    ).toEqual([
      ['1', 'fits', '{"more":{"deep":[1]}}'],
      ['4', 'half \ufffd a character', null],
      ['9007199254740993', '5', null],
    ]);
  });

  it.each(['full_refresh_overwrite', 'incremental_deduped_history'])(
    'loads large records in parts (%s)',
    async (syncMode) => {
      const name = `large_${syncMode.slice(0, 4)}`;
      const { connectionId } = await client.scripted(name, [{ ...people, syncMode }], {
        steps: [{ fill: ['people', 60, 200_000] }, { fill: ['people', 1, 100_000] }],
      });
      expect(await client.sync(connectionId)).toMatchObject({ status: 'succeeded', rowsSynced: 61 });
      const rows = syncMode.startsWith('incremental') ? 60 : 61;
      expect(
        await client.rows(
          `select count(*)::int, count(distinct id)::int, min(length(name))::int from raw_airbyte.${name}_people`,
        ),
      ).toEqual([[rows, 60, 100_000]]);
    },
  );

  it('follows a schema that grows and widens, and says so when a type can’t', async () => {
    const syncMode = 'incremental_append';
    const stream = { ...people, syncMode };
    const follow = { nonBreakingSchemaUpdatesBehavior: 'propagate_columns' };
    const { sourceId, connectionId } = await client.scripted(
      'grows',
      [stream],
      records({ id: 1, name: 'a' }),
      follow,
    );
    await client.sync(connectionId);
    const retyped = (id: object, more: object = {}) => [
      {
        ...{ name: 'people', supported_sync_modes: ['incremental'], source_defined_cursor: true },
        json_schema: { properties: { id, name: text, ...more } },
      },
    ];
    const two = records({ id: 1, name: 'a' }, { id: 2.5, name: 'b', city: 'Ulm' }) as object;
    await patch(sourceId, { ...two, streams: retyped({ type: 'number' }, { city: text }) });
    expect(await client.sync(connectionId)).toMatchObject({ status: 'succeeded', rowsSynced: 1 });
    expect(
      await client.rows('select id, name, city, typeof(id) from raw_airbyte.grows_people order by id'),
    ).toEqual([
      [1, 'a', null, 'DOUBLE'],
      [2.5, 'b', 'Ulm', 'DOUBLE'],
    ]);
    await patch(sourceId, { streams: retyped({ type: 'boolean' }) });
    const failed = await client.sync(connectionId);
    const log = (await client.get(`/jobs/${failed.jobId}/logs`)).body;
    expect({ ...failed, log }).toMatchObject({
      status: 'failed',
      attempts: 1,
      log: expect.stringContaining('changed'),
    });
    expect(failed.failureReason).toContain(
      'the column id of raw_airbyte.grows_people is DOUBLE, and the source now says BOOLEAN',
    );
    expect(await client.ended(await client.start(connectionId, 'clear'))).toMatchObject({
      status: 'succeeded',
    });
    expect(await client.sync(connectionId)).toMatchObject({
      status: 'succeeded',
      rowsSynced: 0,
      rowsQuarantined: 2,
    });
  });
});
