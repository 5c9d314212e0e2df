/** What docs/infrastructure.md says of the modules is what they have. */
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { Loader, findWorkspace } from '@stack/runtime';

describe('docs/infrastructure.md', () => {
  const workspace = findWorkspace();
  const text = readFileSync(path.join(workspace, 'docs', 'infrastructure.md'), 'utf8');
  const modules = new Loader(workspace)
    .all()
    .flatMap((unit) => (unit.kind === 'module' && unit.aws ? [unit] : []));

  it.each(modules.map((unit) => [unit.name, unit] as const))('names every output of %s', (name, unit) => {
    const row = text.split('\n').find((line) => line.startsWith(`| \`${name}\``)) ?? '';
    const named = [...(row.split('|').at(-2) ?? '').matchAll(/`(\w+)`/g)].map(([, output]) => output);
    expect(named.sort()).toEqual(Object.keys(unit.aws?.outputs ?? {}).sort());
  });
});
