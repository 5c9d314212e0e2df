import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { Loader, findWorkspace } from '@stack/runtime';
import { defineService, generated, httpReady, own, pgReady, stack } from '@stack/model';
import { manifestsOf, reasonForAbsence } from './manifests';
import { writeManifests } from './write';

const options = {
  namespace: 'acme',
  domain: 'data.acme.example',
  registry: 'registry.acme.example',
  tag: 'v1',
};

const database = defineService({
  name: 'database',
  summary: 'for this spec',
  ports: { sql: { number: 5432, protocol: 'postgresql', user: 'app', password: 'password' } },
  secrets: { password: generated() },
  volumes: { data: '/data' },
  ready: pgReady('sql'),
  native: { plan: async () => [] },
  docker: { image: 'postgres:18', health: () => ['pg_isready'] },
  memory: '256Mi',
});
const web = defineService({
  name: 'web',
  summary: 'for this spec',
  ports: { http: { number: 4200, protocol: 'http' } },
  secrets: { token: generated() },
  env: {
    HOST: stack.bind,
    PORT: own.port('http'),
    TOKEN: own.secret('token'),
    DATABASE_URL: database.url('sql', { database: 'web' }),
  },
  ready: httpReady('http', '/health'),
  native: { plan: async () => [] },
  docker: { image: 'stack/web:dev' },
  route: { port: 'http' },
  memory: '1Gi',
});

jest.setTimeout(120_000);

describe('manifests', () => {
  const all = manifestsOf([database, web], options);
  const [workload, service, ingress] = all.web as unknown as [
    { kind: string; spec: { template: { spec: { containers: Record<string, unknown>[] } } } },
    object,
    object,
  ];
  const [container] = workload.spec.template.spec.containers;

  it('are a workload, what reaches it, and what shows it', () => {
    expect(all.web.map(({ kind }) => kind)).toEqual(['Deployment', 'Service', 'Ingress']);
    expect(all.database.map(({ kind }) => kind)).toEqual(['StatefulSet', 'Service']);
    expect(service).toMatchObject({ spec: { ports: [{ name: 'http', port: 4200 }] } });
    expect(ingress).toMatchObject({ spec: { rules: [{ host: 'web.data.acme.example' }] } });
  });

  it('have the definition’s image, memory and readiness', () => {
    expect(container).toMatchObject({
      image: 'registry.acme.example/web:v1',
      resources: { limits: { memory: '1Gi' } },
      readinessProbe: { httpGet: { path: '/health', port: 4200 } },
    });
    expect(JSON.stringify(all.database)).toContain('pg_isready');
  });

  it('refer to secrets and have none', () => {
    expect(container.env).toEqual([
      {
        name: 'SECRET_DATABASE_PASSWORD',
        valueFrom: { secretKeyRef: { name: 'database', key: 'password' } },
      },
      { name: 'HOST', value: '0.0.0.0' },
      { name: 'PORT', value: '4200' },
      { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'web', key: 'token' } } },
      { name: 'DATABASE_URL', value: 'postgresql://app:$(SECRET_DATABASE_PASSWORD)@database:5432/web' },
    ]);
  });
});

describe('the workspace’s services', () => {
  const units = new Loader(findWorkspace()).all();
  const folder = mkdtempSync(path.join(tmpdir(), 'kubernetes-'));
  const { services, absent } = writeManifests(folder, units, options);
  afterAll(() => rmSync(folder, { recursive: true }));

  it('are in the cluster, or it is said why not', () => {
    const names = units.filter(({ kind }) => kind === 'service').map(({ name }) => name);
    expect([...services, ...Object.keys(absent)].sort()).toEqual(names.sort());
    expect(services).toEqual(expect.arrayContaining(['postgres', 'duckdb-http', 'orchestration']));
    for (const unit of units) if (absent[unit.name]) expect(reasonForAbsence(unit)).toBe(absent[unit.name]);
  });

  it('are valid by Kubernetes’ own schema', () => {
    const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
    expect(files).toHaveLength(services.length);
    // Schemas of every version are 108 MB: fetched by who runs this spec, and kept in uv's cache.
    const own = path.join(findWorkspace(), '.tools', 'uv', 'bin', 'uv');
    const tool = ['tool', 'run', '--quiet', 'kubernetes-validate@1.37.0', '--strict', '-k', '1.33'];
    const check = (file: string) => () =>
      execFileSync(existsSync(own) ? own : 'uv', [...tool, path.join(folder, file)], { stdio: 'pipe' });
    for (const file of files) expect(check(file)).not.toThrow();
  });

  it('are refused with a name that a shell would read otherwise', () => {
    const namespace = 'a;touch pwned';
    expect(() => writeManifests(folder, units, { ...options, namespace })).toThrow(/can't be a namespace/);
  });

  it('come with a script that a shell understands', () => {
    const script = path.join(folder, 'prepare.sh');
    execFileSync('sh', ['-n', script]);
    expect(readFileSync(script, 'utf8')).toContain('kubectl create secret generic postgres --namespace acme');
  });
});
