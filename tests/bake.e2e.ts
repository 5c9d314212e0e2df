import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { elfFiles } from '@stack/nx-plugin/images';
import { findWorkspace } from '@stack/runtime';

/** One image stands for all: its packages have libraries for one machine. */

jest.setTimeout(300_000);

const workspace = findWorkspace();
const FILE = 'dist/docker-bake.json';
const hasBuildx = spawnSync('docker', ['buildx', 'version']).status === 0;

interface Written {
  readonly target: Record<string, { context: string; platforms: string[] }>;
}

function bake(): string {
  execFileSync('make', ['-s', 'bake', 'only=duckdb-http'], {
    cwd: workspace,
    env: { ...process.env, NODE_OPTIONS: '', NX_DAEMON: 'false' },
    stdio: 'pipe',
  });
  return readFileSync(path.join(workspace, FILE), 'utf8');
}

describe('the bake file', () => {
  let file: string;
  beforeAll(() => {
    file = bake();
  });

  it('has one image for every platform, and is the same each time', () => {
    const { target } = JSON.parse(file) as Written;
    expect(target).toEqual({
      'duckdb-http': expect.objectContaining({
        platforms: ['linux/amd64', 'linux/arm64'],
        tags: ['${REGISTRY}/duckdb-http:${TAG}'],
      }),
    });
    expect(bake()).toBe(file);
  });

  it('has libraries for each platform in its context, and no other ones', () => {
    const { context } = (JSON.parse(file) as Written).target['duckdb-http'];
    for (const [arch, machine] of [
      ['amd64', 62],
      ['arm64', 183],
    ] as const) {
      const machines = Object.values(elfFiles(path.join(workspace, context, 'packages', arch)));
      expect(machines.length).toBeGreaterThan(0);
      expect([arch, [...new Set(machines)]]).toEqual([arch, [machine]]);
    }
  });

  (hasBuildx ? it : it.skip)('is one that buildx reads', () => {
    const printed = execFileSync('docker', ['buildx', 'bake', '-f', FILE, '--print'], {
      cwd: workspace,
      env: { ...process.env, REGISTRY: 'registry.example/stack', TAG: '7' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(JSON.parse(printed)).toMatchObject({
      target: { 'duckdb-http': { tags: ['registry.example/stack/duckdb-http:7'] } },
    });
  });
});
