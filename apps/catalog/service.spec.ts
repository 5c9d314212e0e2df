import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { eventually, type TestStack } from '@stack/testing';
import { startCatalog } from './testing';

describe('catalog as a unit of the stack', () => {
  let stack: TestStack;
  let url: string;
  let headers: Record<string, string>;
  beforeAll(async () => {
    const started = await startCatalog();
    ({ stack, url } = started);
    headers = { authorization: `Bearer ${started.token}`, 'content-type': 'application/json' };
  });
  afterAll(() => stack.remove());

  const post = (action: string, body: object): Promise<Response> =>
    fetch(`${url}/aspects?action=${action}`, { method: 'POST', headers, body: JSON.stringify(body) });
  const tag = (name: string, words: string) => ({
    entityType: 'tag',
    entityUrn: `urn:li:tag:${name}`,
    changeType: 'UPSERT',
    aspectName: 'tagProperties',
    aspect: { value: JSON.stringify({ name, description: words }), contentType: 'application/json' },
  });
  const read = async (name: string, version = 0) => {
    const answer = await fetch(
      `${url}/aspects/urn%3Ali%3Atag%3A${name}?aspect=tagProperties&version=${version}`,
      {
        headers,
      },
    );
    const body = (await answer.json()) as { aspect?: Record<string, { description: string }> };
    return body.aspect?.['com.linkedin.tag.TagProperties']?.description;
  };

  /** How many entities a search finds. */
  const found = async (query: string): Promise<number> => {
    const body = {
      query: 'query($q: String!) { scrollAcrossEntities(input: {query: $q, count: 1}) { total } }',
      variables: { q: query },
    };
    const answer = await fetch(`${url}/api/graphql`, { method: 'POST', headers, body: JSON.stringify(body) });
    const { data } = (await answer.json()) as { data: { scrollAcrossEntities: { total: number } } };
    return data.scrollAcrossEntities.total;
  };

  it('is healthy without a token, and says at its address how it is used', async () => {
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect(await (await fetch(url)).text()).toMatch(/make STACK=test-.* -s secret s=catalog k=token/);
    expect((await fetch(`${url}/config`)).status).toBe(401);
  });

  it('loses and doubles nothing when PostgreSQL is killed between and within batches', async () => {
    const batches = Array.from({ length: 30 }, (_, i) =>
      Array.from({ length: 40 }, (_, k) => tag(`pg-${i}-${k}`, `batch ${i}`)),
    );
    const { pid } = await stack.unit('postgres');
    const killed = setTimeout(
      async () => process.kill((await stack.unit('postgres')).pid ?? 0, 'SIGKILL'),
      150,
    );
    for (const proposals of batches)
      // As the client does: again, when the server failed.
      await eventually(async () => {
        const { status } = await post('ingestProposalBatch', { proposals });
        if (status !== 200) throw new Error(`it answers ${status}`);
      }, 40_000);
    clearTimeout(killed);
    // It was killed, and not after the last of them.
    expect((await stack.unit('postgres')).pid).not.toBe(pid);
    for (const [i, batch] of batches.entries())
      for (const k of [0, batch.length - 1]) {
        expect(await read(`pg-${i}-${k}`)).toBe(`batch ${i}`);
        expect(await read(`pg-${i}-${k}`, 2)).toBeUndefined();
      }
    // What is searched follows from it, and was lost as little.
    expect(await found('batch')).toBe(30 * 40);
  }, 120_000);

  it('has one winner of many writers, and every value as a version', async () => {
    const values = Array.from({ length: 40 }, (_, i) => `value ${i}`);
    const statuses = await Promise.all(
      values.map(async (words) => (await post('ingestProposal', { proposal: tag('race', words) })).status),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    const versions = await Promise.all(values.map((_, i) => read('race', i + 1)));
    expect([...versions].sort()).toEqual([...values].sort());
    expect(await read('race')).toBe(versions.at(-1));
  });

  it('goes out to a file and in again by the commands that people have', async () => {
    const { execa } = await import('execa');
    const { paths } = stack;
    const file = path.join(path.dirname(paths.dir), 'catalog.json');
    const command = (name: string) =>
      execa('node', [path.join(paths.workspace, 'tools/cli/bin/stack.cjs'), 'catalog', name, file], {
        env: { STACK: paths.name, STACK_HOME: path.dirname(paths.dir) },
        cwd: paths.workspace,
      });
    await command('export');
    const proposals = JSON.parse(readFileSync(file, 'utf8')) as { entityUrn: string }[];
    expect(proposals).toContainEqual(expect.objectContaining({ entityUrn: 'urn:li:tag:race' }));
    await command('import');
    // What was there already is there once.
    expect(await read('race', 41)).toBeUndefined();
    expect(await read('race')).toBe(await read('race', 40));
  }, 120_000);

  it('finds all that it answered for, also when it is killed right after', async () => {
    const proposals = Array.from({ length: 2_000 }, (_, i) => tag(`killed-${i}`, 'unforgettable'));
    expect((await post('ingestProposalBatch', { proposals })).status).toBe(200);
    const { pid = 0 } = await stack.unit('catalog');
    process.kill(pid, 'SIGKILL');
    await eventually(async () => expect(await found('unforgettable')).toBe(2_000), 20_000);
    expect((await stack.unit('catalog')).pid).not.toBe(pid);
  }, 30_000);

  it('goes on after it was killed', async () => {
    process.kill((await stack.unit('catalog')).pid ?? 0, 'SIGKILL');
    await eventually(async () => expect(await read('race')).toMatch(/^value/), 20_000);
  }, 30_000);
});
