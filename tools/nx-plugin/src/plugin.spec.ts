import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import type { Unit } from '@stack/model';
import { findUnits, findWorkspace, LAYERS, Loader } from '@stack/runtime';

interface Graph {
  graph: {
    nodes: Record<string, { data: { targets: Record<string, unknown> } }>;
    dependencies: Record<string, { target: string }[]>;
  };
  tasks: { tasks: Record<string, { target: { project: string } }>; dependencies: Record<string, string[]> };
}

const workspace = findWorkspace();
const units = findUnits(workspace);

/** What `nx` itself makes of this workspace. */
function nx(...args: string[]): Graph {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'graph-')), 'graph.json');
  const env = { ...process.env, NX_DAEMON: 'false', NODE_OPTIONS: '' };
  execFileSync('npx', ['nx', ...args, `--${args.length > 1 ? 'graph' : 'file'}=${file}`], {
    cwd: workspace,
    env,
    stdio: 'pipe',
  });
  return JSON.parse(readFileSync(file, 'utf8')) as Graph;
}

describe('the project graph', () => {
  const { graph } = nx('graph');

  it('has every unit with its targets', () => {
    expect(units.length).toBeGreaterThan(8);
    for (const { name, file } of units) {
      const targets = Object.keys(graph.nodes[name].data.targets);
      expect([name, targets]).toEqual([
        name,
        expect.arrayContaining(['build', 'test', 'lint', 'deploy', 'destroy', 'status', 'logs']),
      ]);
      expect([name, targets.includes('serve')]).toEqual([name, file.endsWith('service.ts')]);
    }
  });

  it('has the edges that the definitions import', () => {
    const edges = (name: string) => graph.dependencies[name].map(({ target }) => target);
    expect(edges('s3')).toContain('object-store');
    expect(edges('duckdb-http')).toContain('s3');
    expect(edges('orchestration')).toEqual(
      expect.arrayContaining(['postgres', 's3', 'snowflake', 'transformation']),
    );
    expect(edges('postgres')).not.toContain('s3');
  });

  it('has infra below every service but those that only an image has', () => {
    const loader = new Loader(workspace);
    const isImage = (unit: Unit) => unit.kind === 'service' && 'none' in unit.native;
    const below = (name: string): string[] =>
      graph.dependencies[name].flatMap(({ target }) => [target, ...below(target)]);
    const infra = units.filter(({ layer }) => layer === 'infra').map(({ name }) => name);
    for (const { name, layer, file } of units)
      if (layer !== 'infra' && file.endsWith('service.ts') && !isImage(loader.unit(name)))
        expect([name, below(name).some((one) => infra.includes(one))]).toEqual([name, true]);
  });
});

describe('the task graph of deploy', () => {
  const { tasks } = nx('run-many', '-t', 'deploy');
  const idOf = new Map(
    Object.entries(tasks.tasks).map(([id, { target }]) => [`${target.project}:${id.split(':')[1]}`, id]),
  );
  const before = (id: string, seen = new Set<string>()): Set<string> => {
    for (const needed of tasks.dependencies[id] ?? [])
      if (!seen.has(needed)) before(needed, seen.add(needed));
    return seen;
  };

  it('has every task of a layer after all of the layer below', () => {
    const present = LAYERS.filter((layer) => units.some((unit) => unit.layer === layer));
    expect(present.slice(0, 4)).toEqual(['infra', 'service', 'dbt', 'dagster']);
    present.slice(1).forEach((layer, i) => {
      for (const unit of units.filter((one) => one.layer === layer)) {
        const earlier = before(idOf.get(`${unit.name}:deploy`) ?? '');
        const below = units
          .filter((one) => one.layer === present[i])
          .map((one) => idOf.get(`${one.name}:deploy`));
        expect([unit.name, [...earlier]]).toEqual([unit.name, expect.arrayContaining(below)]);
      }
    });
  });
});

describe('affected', () => {
  const affectedBy = (file: string, target = 'test') =>
    execFileSync('npx', ['nx', 'show', 'projects', '--affected', '--withTarget', target, `--files=${file}`], {
      cwd: workspace,
      env: { ...process.env, NX_DAEMON: 'false', NODE_OPTIONS: '' },
      encoding: 'utf8',
    })
      .split('\n')
      .filter(Boolean)
      .sort();

  it('is the unit, what depends on it, and the collectors', () => {
    // Grafana, as it imports one; the command line, as it writes the manifests.
    const collectors = [
      'cli',
      'ecr',
      'grafana',
      'kubernetes',
      'mcp-server',
      'prometheus',
      'tests',
      'traefik',
    ];
    expect(affectedBy('docker/redis/service.ts')).toEqual([...collectors, 'redis'].sort());
    expect(affectedBy('docker/postgres/service.ts')).toEqual(
      [
        ...collectors,
        'catalog',
        'datahub-frontend',
        'datahub-gms',
        'postgres',
        'ingestion',
        'metabase',
        'orchestration',
      ].sort(),
    );
  });

  it('is, for Terraform’s files, the module and what imports it', () => {
    expect(affectedBy('infra/s3/aws.ts', 'synth')).toEqual([
      'duckdb-http',
      'evidence',
      'explorer',
      'notebooks',
      'orchestration',
      's3',
    ]);
  });

  it('is the program alone when its code changes', () => {
    expect(affectedBy('apps/evidence/src/main.ts')).toEqual(['evidence']);
  });
});

describe('a program', () => {
  interface Manifest {
    readonly dependencies?: Record<string, string>;
  }
  const manifest = (root: string): Manifest =>
    JSON.parse(readFileSync(path.join(workspace, root, 'package.json'), 'utf8')) as Manifest;
  const lock = JSON.parse(readFileSync(path.join(workspace, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version?: string; resolved?: string; link?: boolean } | undefined>;
  };

  /** Of the program and of the libraries that are bundled with it. */
  function wanted(root: string, seen = new Set<string>()): [string, string][] {
    return Object.entries(manifest(root).dependencies ?? {}).flatMap(([name, version]) => {
      const linked = lock.packages[`node_modules/${name}`];
      if (!linked?.link) return [[name, version]];
      if (seen.has(name)) return [];
      seen.add(name);
      return wanted(linked.resolved as string, seen);
    });
  }

  const programs = units
    .map(({ root }) => root)
    .filter((root) => existsSync(path.join(workspace, root, 'src/main.ts')));

  // It runs from dist/, and in an image: both know the versions at the top of node_modules only.
  it.each(programs)('%s finds the versions that it asks for at the top of node_modules', (root) => {
    const exact = wanted(root).filter(([, version]) => /^\d/.test(version));
    expect(exact.length).toBeGreaterThan(2);
    const found = exact.map(([name]) => [name, lock.packages[`node_modules/${name}`]?.version]);
    expect(found).toEqual(exact);
  });
});
