import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { findUnits, layerBelow, unitIn } from './units';

let workspace: string;
beforeEach(() => {
  workspace = mkdtempSync(path.join(tmpdir(), 'units-'));
  writeFileSync(path.join(workspace, 'package.json'), JSON.stringify({ workspaces: ['docker/*', 'dbt'] }));
});
afterEach(() => rmSync(workspace, { recursive: true }));

function folder(root: string, files: Record<string, object | string>): void {
  mkdirSync(path.join(workspace, root), { recursive: true });
  for (const [name, content] of Object.entries(files))
    writeFileSync(
      path.join(workspace, root, name),
      typeof content === 'string' ? content : JSON.stringify(content),
    );
}

const tagged = (...tags: string[]) => ({ name: '@stack/a', nx: { name: 'a', tags } });

describe('units', () => {
  it('are the folders with a definition file, wherever the workspaces are', () => {
    folder('docker/a', { 'service.ts': '', 'package.json': tagged('layer:service', 'collector') });
    folder('docker/notes', { 'README.md': '' });
    folder('dbt', { 'job.ts': '', 'package.json': { name: 'dbt', nx: { tags: ['layer:dbt'] } } });
    expect(findUnits(workspace)).toEqual([
      { name: 'a', layer: 'service', root: 'docker/a', file: 'docker/a/service.ts' },
      { name: 'dbt', layer: 'dbt', root: 'dbt', file: 'dbt/job.ts' },
    ]);
  });

  it.each([
    [
      'two definition files',
      { 'service.ts': '', 'job.ts': '', 'package.json': tagged('layer:service') },
      'docker/a has service.ts and job.ts',
    ],
    ['no package.json', { 'service.ts': '' }, 'docker/a/service.ts has no package.json beside it'],
    [
      'no layer',
      { 'service.ts': '', 'package.json': tagged() },
      'docker/a/package.json: nx.tags names 0 layers; expected one of layer:infra',
    ],
    ['an unknown layer', { 'service.ts': '', 'package.json': tagged('layer:top') }, 'the unknown layer top'],
  ])('with %s are an error that names the file', (_what, files, message) => {
    folder('docker/a', files as Record<string, object | string>);
    expect(() => unitIn(workspace, 'docker/a')).toThrow(message);
  });

  it('depend on the nearest lower layer that exists', () => {
    const unit = (layer: 'infra' | 'dbt') => ({ name: layer, layer, root: layer, file: `${layer}/job.ts` });
    expect(layerBelow('dagster', [unit('infra'), unit('dbt')])).toBe('dbt');
    expect(layerBelow('dbt', [unit('infra'), unit('dbt')])).toBe('infra');
    expect(layerBelow('infra', [unit('infra')])).toBeUndefined();
  });
});
