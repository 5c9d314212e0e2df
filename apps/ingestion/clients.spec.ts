import * as path from 'node:path';
import { TestStack } from '@stack/testing';
import { airbyteClient } from './service';

/**
 * What the real clients do is written in Python (`tests/`): dagster-airbyte and airbyte-api, unchanged. Each of their tests is
 * counted, from pytest's own report.
 */
describe('Airbyte’s clients', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await TestStack.start();
    await stack.deploy('ingestion');
  });
  afterAll(() => stack.remove());

  it('drive the service unchanged', async () => {
    const { execa } = await import('execa');
    const { workspace } = stack.paths;
    const resolved = Object.entries(airbyteClient).map(([name, value]) => [name, stack.resolve(value)]);
    const report = path.join(workspace, 'test-results', 'ingestion-clients.xml');
    const result = await execa(
      path.join(workspace, '.venv/bin/python'),
      ['-m', 'pytest', 'apps/ingestion/tests', '--junitxml', report],
      { cwd: workspace, env: Object.fromEntries(resolved), all: true, reject: false },
    );
    if (result.exitCode !== 0) throw new Error(String(result.all));
  }, 180_000);
});
