import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { TestStack } from '@stack/testing';
import { transformation } from './job';

jest.setTimeout(120_000);

describe('transformation', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('transformation');
  }, 120_000);
  afterAll(() => stack.remove());

  const artefact = (name: string) => readFileSync(path.join(stack.resolve(transformation.env.DBT_TARGET_PATH), name), 'utf8');

  it('parses the project and writes its docs', () => {
    const { nodes } = JSON.parse(artefact('manifest.json')) as { nodes: Record<string, { resource_type: string }> };
    expect(Object.keys(nodes)).toEqual(expect.arrayContaining(['model.flights.fct_flights', 'model.flights.dim_carrier']));
    expect(artefact('static_index.html')).toContain('fct_flights');
  });

  it('does nothing when nothing has changed', async () => {
    expect(await stack.deploy('transformation')).toEqual({ changed: false, summary: 'unchanged' });
  });
});
