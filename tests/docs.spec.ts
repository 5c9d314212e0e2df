/** What the docs say of units is what they have. */
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { adaptersOf, withTools } from '@stack/cli/mcp-docs';
import { Loader, findWorkspace, servicesTable } from '@stack/runtime';

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

describe('docs/services.md', () => {
  it('has the table that the definitions make (npx stack services writes it)', () => {
    const workspace = findWorkspace();
    const read = (...file: string[]) => readFileSync(path.join(workspace, ...file), 'utf8');
    const standIns = JSON.parse(read('tests', 'docker', 'images.json')) as Record<string, string>;
    expect(read('docs', 'services.md')).toContain(servicesTable(new Loader(workspace).all(), standIns));
  });
});

describe('docs/mcp.md', () => {
  it('has the tools, resources and prompts that the adapters have (npx stack mcp docs writes them)', () => {
    const workspace = findWorkspace();
    const page = readFileSync(path.join(workspace, 'docs', 'mcp.md'), 'utf8');
    const adapters = adaptersOf(workspace);
    expect(adapters.length).toBeGreaterThan(5);
    expect(page).toBe(withTools(page, adapters));
    for (const { name } of adapters.flatMap(([, { tools = [] }]) => tools))
      expect(page).toContain(`\`${name}\``);
  });
});
