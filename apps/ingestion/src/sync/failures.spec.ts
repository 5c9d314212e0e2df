import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { TestStack, eventually } from '@stack/testing';
import { SupervisorClient } from '@stack/supervisor';
import { Client, addScripted, people, records } from '../testing';

describe('a sync that goes wrong', () => {
  let stack: TestStack;
  let client: Client;
  const scratch = mkdtempSync(path.join(tmpdir(), 'scripted-'));
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('ingestion');
    addScripted(stack);
    client = new Client(stack);
  });
  afterAll(() => stack.remove());

  const patch = (sourceId: string, configuration: object) => client.configure(sourceId, configuration);
  const names = (table: string) => client.names(table);

  describe('fails with the connector’s own words, and loads nothing, when it', () => {
    const config_error = {
      message: 'The password is wrong',
      internal_message: '401',
      failure_type: 'config_error',
    };
    it.each([
      ['exits', [{ stderr: 'Segmentation fault' }, { exit: 3 }], ['exit status 3', 'Segmentation fault'], 3],
      ['is killed', [{ kill: true }], ['ended by SIGKILL'], 3],
      [
        'says that it was set up wrongly',
        [{ trace: config_error }, { exit: 1 }],
        ['The password is wrong (401)'],
        1,
      ],
      ['says so and exits with 0', [{ trace: config_error }], ['The password is wrong'], 1],
      ['prints garbage', [{ print: 'Traceback: oops' }], ['no Airbyte message: "Traceback: oops"'], 1],
      ['prints half a record', [{ print: '{"type":"RECORD","record":{"str' }], ['no Airbyte message'], 1],
      ['prints a line without end', [{ long: 9_000_000 }], ['a line longer than 8388608 bytes'], 1],
      [
        'sends another stream',
        [{ print: '{"type":"RECORD","record":{"stream":"other","data":{},"emitted_at":1}}' }],
        ["other, a stream that it wasn't asked for"],
        1,
      ],
    ])('%s', async (what, steps, messages, attempts) => {
      const name = `bad_${what.replaceAll(/[^a-z]+/g, '_')}`;
      const { connectionId } = await client.scripted(name, [people], {
        ...(records({ id: 1, name: 'a' }) as object),
        steps: steps as never,
      });
      const job = await client.sync(connectionId);
      expect(job).toMatchObject({ status: 'failed', attempts });
      for (const message of messages) expect(job.failureReason).toContain(message);
      const tables = `select count(*)::int from duckdb_tables() where table_name like '${name}%'`;
      expect(await client.rows(tables)).toEqual([[0]]);
    });
  });

  it.each(['full_refresh_overwrite', 'incremental_append'])(
    'leaves a table alone that somebody else made (%s)',
    async (syncMode) => {
      const name = `theirs_${syncMode.slice(0, 4)}`;
      await client.write(
        `create schema if not exists raw_airbyte; create table raw_airbyte.${name}_people as select 1 as id, 'their' as name`,
      );
      const { connectionId } = await client.scripted(name, [{ ...people, syncMode }], records({ id: 2 }));
      const job = await client.sync(connectionId);
      expect(job).toMatchObject({ status: 'failed', attempts: 1 });
      expect(job.failureReason).toContain('is there already, and no sync made it');
      expect(await client.ended(await client.start(connectionId, 'clear'))).toMatchObject({
        status: 'failed',
      });
      expect(await names(`${name}_people`)).toEqual([[1, 'their']]);
    },
  );

  it('tries again after a crash, and loads once', async () => {
    const steps = [{ once: [{ exit: 1 }], mark: path.join(scratch, 'crashed') }];
    const { connectionId } = await client.scripted(
      'flaky',
      [{ ...people, syncMode: 'full_refresh_append' }],
      {
        ...(records({ id: 1, name: 'a' }) as object),
        steps,
      },
    );
    expect(await client.sync(connectionId)).toMatchObject({ status: 'succeeded', attempts: 2 });
    expect(await names('flaky_people')).toEqual([[1, 'a']]);
  });

  it('is cancelled with all its processes', async () => {
    const file = path.join(scratch, 'child');
    const { connectionId } = await client.scripted('slow', [people], {
      steps: [{ child: file, sleep: 600 }],
    });
    const id = await client.start(connectionId);
    const child = await eventually(() => {
      const pid = Number(readFileSync(file, 'utf8'));
      if (!pid) throw new Error('not yet');
      return pid;
    });
    const twice = await client.post('/jobs', { connectionId, jobType: 'sync' });
    expect(twice.status).toBe(409);
    expect((await client.delete(`/jobs/${id}`)).body).toMatchObject({ status: 'cancelled' });
    await eventually(() => expect(existsSync(`/proc/${child}/fd/0`)).toBe(false));
    expect((await client.get(`/jobs/${id}`)).body.status).toBe('cancelled');
  });

  it('hides secrets in answers and in the log, and keeps them when they come back hidden', async () => {
    const { sourceId, connectionId } = await client.scripted('secret', [people], {
      api_key: 'hunter2hunter2',
    });
    const { body } = await client.get(`/sources/${sourceId}`);
    expect(body.configuration.api_key).toBe('**********');
    await patch(sourceId, { api_key: '**********' });
    const id = await client.start(connectionId);
    await client.ended(id);
    const log = (await client.get(`/jobs/${id}/logs`)).body;
    expect(log).toContain('reading people from 0 with **********');
    expect(log).not.toContain('hunter2');
  });

  it('reads while others write the warehouse, and waits to load', async () => {
    const { connectionId } = await client.scripted('waits', [people], records({ id: 1, name: 'a' }));
    const supervisor = await SupervisorClient.connect(stack.paths.socket);
    await supervisor.call('lease.acquire', { name: 'warehouse', owner: 'dbt build', pid: process.pid });
    const id = await client.start(connectionId);
    await eventually(async () =>
      expect((await client.get(`/jobs/${id}/logs`)).body).toContain('waiting for the warehouse: dbt build'),
    );
    expect((await client.get(`/jobs/${id}`)).body.status).toBe('running');
    supervisor.close();
    expect(await client.ended(id)).toMatchObject({ status: 'succeeded' });
  });

  it('goes on when PostgreSQL was away', async () => {
    const many = Array.from({ length: 300 }, (_, id) => ({ id, name: `n${id}` }));
    const { connectionId } = await client.scripted('away', [people], {
      ...(records(...many) as object),
      pause: 0.002,
    });
    const id = await client.start(connectionId);
    process.kill((await stack.unit('postgres')).pid ?? 0, 'SIGKILL');
    await eventually(async () => expect((await client.get(`/jobs/${id}`)).status).toBe(200), 10_000);
    expect(await client.ended(id)).toMatchObject({ status: 'succeeded', rowsSynced: 300 });
  });

  it('survives kill -9 of the service at any moment: neither twice nor lost', async () => {
    const syncMode = 'incremental_append';
    const many = Array.from({ length: 400 }, (_, id) => ({ id, name: `n${id}` }));
    const { connectionId } = await client.scripted('killed', [{ ...people, syncMode }], {
      ...(records(...many) as object),
      pause: 0.002,
    });
    for (const delay of [300, 1100]) {
      const id = await client.start(connectionId);
      await new Promise((done) => setTimeout(done, delay));
      const { pid } = await stack.unit('ingestion');
      process.kill(pid ?? 0, 'SIGKILL');
      await eventually(async () => expect((await client.get('/workspaces')).status).toBe(200), 15_000);
      expect(await client.ended(id)).toMatchObject({ status: 'succeeded' });
    }
    expect(
      await client.rows('select count(*)::int, count(distinct id)::int from raw_airbyte.killed_people'),
    ).toEqual([[400, 400]]);
  });
});
