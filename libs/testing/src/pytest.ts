import * as path from 'node:path';
import type { Value } from '@stack/model';
import type { TestStack } from './test-stack';

/**
 * Runs a unit's tests that are written in Python, `apps/<unit>/tests`; each is counted, from the report
 * `test-results/<unit>-clients.xml`.
 *
 * @param env for them, values as this machine has them
 * @throws Error with all that they printed
 */
export async function pytest(
  stack: TestStack,
  unit: string,
  env: Readonly<Record<string, Value>>,
): Promise<void> {
  const { execa } = await import('execa');
  const { workspace } = stack.paths;
  const resolved = Object.entries(env).map(([name, value]) => [name, stack.resolve(value)]);
  const report = path.join(workspace, 'test-results', `${unit}-clients.xml`);
  const result = await execa(
    path.join(workspace, '.venv/bin/python'),
    ['-m', 'pytest', `apps/${unit}/tests`, '--junitxml', report],
    { cwd: workspace, env: Object.fromEntries(resolved), all: true, reject: false },
  );
  if (result.exitCode !== 0) throw new Error(String(result.all));
}
