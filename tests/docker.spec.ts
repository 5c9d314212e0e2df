import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { type Service, bytesOf } from '@stack/model';
import Ajv from 'ajv8/dist/2020';
import { composeOf, containersOf, findWorkspace, imageFor, openEngine, partsOf } from '@stack/runtime';
import { containersHere } from '@stack/testing';

const workspace = findWorkspace();
const { stack: paths, loader, ports, values, services, of: containers } = containersHere();

describe('the containers of a service', () => {
  it('reach others by name, with the ports of their definitions', () => {
    const [{ env, after, aliases, ports: served }] = containers('duckdb-http');
    expect(env).toMatchObject({
      LAKE_S3_ENDPOINT: 'http://object-store:8333',
      HOST: '0.0.0.0',
      PORT: '4200',
    });
    expect(after).toEqual(['object-store']);
    expect(aliases).toEqual(['duckdb-http', 'duckdb-http.localhost']);
    expect(served).toEqual({ 4200: 'http' });
  });

  it('have what is secret apart from their environment', () => {
    const [{ env, secrets, argv }] = containers('ingestion');
    expect(Object.keys(secrets)).toEqual(
      expect.arrayContaining(['DATABASE_URL', 'CLIENT_SECRET', 'STACK_SOCKET']),
    );
    expect(secrets.DATABASE_URL).toMatch(/^postgresql:\/\/postgres:.+@postgres:5432\/ingestion$/);
    expect(JSON.stringify([env, argv])).not.toContain(secrets.CLIENT_SECRET);
  });

  it('are one for each process, one after the other', () => {
    expect(containers('orchestration').map(({ name, after, aliases }) => [name, after, aliases])).toEqual([
      [
        'orchestration-code',
        ['catalog', 'duckdb-http', 'ingestion', 'object-store', 'postgres'],
        ['orchestration-code'],
      ],
      [
        'orchestration-webserver',
        ['orchestration-code'],
        ['orchestration-webserver', 'orchestration', 'orchestration.localhost'],
      ],
      ['orchestration-daemon', ['orchestration-webserver'], ['orchestration-daemon']],
    ]);
    expect(containers('orchestration')[2].env.DAGSTER_CODE_HOST).toBe('orchestration-code');
  });

  it('share what natively is the stack’s folder', () => {
    const shared = { volume: 'shared', target: '/stack' };
    for (const name of ['ingestion', 'orchestration'])
      expect(containers(name)[0].mounts).toContainEqual(shared);
    expect(containers('redis')[0].mounts).not.toContainEqual(shared);
    expect(containers('ingestion')[0].env.WAREHOUSE_PATH).toBe(
      containers('orchestration')[0].env.WAREHOUSE_PATH,
    );
  });

  it('see the folder of a collector, which its deploy writes on this machine', () => {
    const [{ binds, mounts }] = containers('traefik');
    expect(binds).toEqual([{ folder: `${paths.data}/traefik/config`, target: '/config' }]);
    expect(mounts).toEqual([]);
  });

  it('have a collector’s own data in a volume', () => {
    const [{ binds, mounts }] = containers('prometheus');
    expect(binds.map(({ target }) => target)).toEqual(['/etc/prometheus']);
    expect(mounts).toEqual([{ volume: 'prometheus_data', target: '/prometheus' }]);
  });

  it('are refused when there is no image, or a secret that nothing could read', () => {
    const redis = services.find((one) => one.name === 'redis') as Service;
    const of = (docker: Service['docker']) => () =>
      containersOf({ ...redis, docker }, paths, values, services);
    expect(of(undefined)).toThrow(/redis has no image/);
    expect(of({ ...redis.docker, image: 'a:1', command: undefined })).toThrow(
      /docker.command: is needed, as its environment has secrets/,
    );
  });

  it('have the memory that the definition says', () => {
    expect([bytesOf('64Mi'), bytesOf('2Gi')]).toEqual([67_108_864, 2_147_483_648]);
  });
});

const hasCompose = spawnSync('docker', ['compose', 'version']).status === 0;

describe('the compose file', () => {
  const place = { stack: paths, loader, ports };
  const folder = mkdtempSync(path.join(tmpdir(), 'compose-spec-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const { file, secrets, collected } = composeOf(place, folder);

  it('is one of the Compose Specification', () => {
    const schema = JSON.parse(
      readFileSync(path.join(__dirname, 'docker', 'compose-spec.json'), 'utf8'),
    ) as object;
    const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
    validate(file);
    expect(validate.errors ?? []).toEqual([]);
    // It would notice.
    expect(validate({ ...file, services: { one: { image: 1 } } })).toBe(false);
  });

  it('has what the runtime makes, and no secret', () => {
    expect(Object.keys(file.services).filter((name) => !name.endsWith('-volumes'))).toEqual(
      [...services]
        .sort((a, b) => a.name.localeCompare(b.name))
        .flatMap(({ name }) => containers(name).map((one) => one.name)),
    );
    const written = JSON.stringify(file);
    expect(Object.values(secrets).length).toBeGreaterThan(10);
    for (const secret of Object.values(secrets)) expect(written).not.toContain(secret);
    expect(file.services['orchestration-webserver']).toMatchObject({
      depends_on: { 'orchestration-code': { condition: 'service_healthy' } },
      networks: {
        default: { aliases: ['orchestration-webserver', 'orchestration', 'orchestration.localhost'] },
      },
    });
    expect(file.services['datahub-gms-update']).toMatchObject({ restart: 'no', profiles: ['datahub'] });
    expect(file.services['datahub-gms']).toMatchObject({
      depends_on: { 'datahub-gms-update': { condition: 'service_completed_successfully' } },
    });
    expect(file.services.kafka).toMatchObject({ profiles: ['datahub', 'streaming'], restart: 'always' });
    expect(file.services['duckdb-http']).toMatchObject({
      read_only: true,
      user: '10001:10001',
      depends_on: { 'object-store': { condition: 'service_started' } },
    });
  });

  it('makes volumes their user’s, where the image isn’t ours', () => {
    expect(file.services['object-store-volumes']).toMatchObject({
      command: ['10001:10001', '/data'],
      cap_add: ['CHOWN'],
      restart: 'no',
    });
    expect(file.services['object-store']).toMatchObject({
      depends_on: { 'object-store-volumes': { condition: 'service_completed_successfully' } },
    });
    expect(Object.keys(file.services)).not.toContain('ingestion-volumes');
  });

  it('has the proxy’s routes beside it', () => {
    const routes = path.join(folder, 'traefik/config/routes/services.yml');
    expect(collected[routes]).toContain('http://orchestration-webserver:3000');
    expect(JSON.stringify(file.services.traefik)).toContain('"source":"./traefik/config"');
  });

  (hasCompose ? it : it.skip)('is one that docker compose reads', () => {
    const written = path.join(folder, 'compose.yaml');
    // JSON is YAML.
    writeFileSync(written, JSON.stringify(file));
    const { status, stderr } = spawnSync('docker', ['compose', '-f', written, 'config', '--quiet'], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  });

  it('is the same each time', () => {
    expect(JSON.stringify(composeOf(place, folder).file)).toBe(JSON.stringify(file));
  });
});

describe('the engine', () => {
  const { DOCKER_HOST } = process.env;
  let server: Server | undefined;
  afterEach(() => {
    process.env.DOCKER_HOST = DOCKER_HOST;
    if (DOCKER_HOST === undefined) delete process.env.DOCKER_HOST;
    server?.close();
  });

  it('that doesn’t answer is named, with how to start it', async () => {
    process.env.DOCKER_HOST = 'tcp://127.0.0.1:1';
    await expect(openEngine()).rejects.toMatchObject({
      code: 'NO_DOCKER',
      message: expect.stringContaining('tcp://127.0.0.1:1'),
    });
  });

  it('that is none is told from one', async () => {
    server = createServer((_, response) => response.writeHead(404).end());
    await new Promise<void>((done) => server?.listen(0, '127.0.0.1', done));
    process.env.DOCKER_HOST = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(openEngine()).rejects.toMatchObject({
      code: 'NO_DOCKER',
      message: expect.stringMatching(/is no Docker engine: it answers 404/),
    });
  });

  it('that is too old is refused', async () => {
    server = createServer((_, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ Version: '19.03', ApiVersion: '1.40' })),
    );
    await new Promise<void>((done) => server?.listen(0, '127.0.0.1', done));
    process.env.DOCKER_HOST = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(openEngine()).rejects.toMatchObject({ code: 'DOCKER_TOO_OLD' });
  });
});

describe('what a move carries', () => {
  const { files, databases, inDocker } = partsOf(paths, services, values);

  it('is every volume but those that a deploy writes, and what lies beside them', () => {
    const names = files.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['object-store/data', 'redis/data', 'orchestration/home', 'shared']),
    );
    expect(names.filter((name) => /^(traefik|postgres)/.test(name))).toEqual([]);
    const shared = files.find(({ name }) => name === 'shared');
    expect(shared?.inside).toBe('/stack/data');
    expect(['warehouse/warehouse.duckdb', 'redis/data/x'].map((name) => shared?.holds(name))).toEqual([
      true,
      false,
    ]);
    expect(inDocker.filter(({ name }) => names.includes(name))).toEqual([]);
    expect(files.filter(({ yours }) => yours).map(({ folder }) => folder)).toEqual([
      `${paths.files}/notebooks`,
    ]);
  });

  it('is PostgreSQL’s data as a dump', () => {
    expect(databases.map(({ service, parts }) => [service.name, parts.map(({ name }) => name)])).toEqual([
      ['postgres', ['postgres/data']],
    ]);
  });

  it('lies at the same place in a volume and natively', () => {
    const [{ argv }] = containers('object-store');
    expect(argv?.join(' ')).toContain('-dir=/data/blobs');
    expect(files.find(({ name }) => name === 'object-store/data')?.folder).toBe(
      `${paths.data}/object-store/data`,
    );
  });
});

describe('make compose', () => {
  const STACK = `spec-${process.pid}`;
  const written = path.join(workspace, 'dist/compose', STACK);
  const compose = (...args: string[]) => {
    const { status, stderr } = spawnSync('node', ['tools/cli/bin/stack.cjs', 'compose', ...args], {
      cwd: workspace,
      env: { ...process.env, NODE_OPTIONS: '', STACK, STACK_HOME: path.dirname(paths.dir) },
      encoding: 'utf8',
    });
    return { status, stderr };
  };
  afterAll(() => rmSync(written, { recursive: true, force: true }));

  it('never writes over what a user has edited, unless told to', () => {
    expect(compose().status).toBe(0);
    const file = path.join(written, 'compose.yaml');
    const ours = readFileSync(file, 'utf8');
    expect(compose().status).toBe(0);
    writeFileSync(file, ours.replace('restart: always', 'restart: no'));
    writeFileSync(path.join(written, 'compose.override.yaml'), 'services: {}\n');
    const { status, stderr } = compose();
    expect(status).toBe(1);
    expect(stderr).toMatch(/somebody has edited it\n→ .*compose\.override\.yaml.*FORCE=1/);
    expect(compose('--force').status).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe(ours);
    expect(existsSync(path.join(written, 'compose.override.yaml'))).toBe(true);
  });
});

describe('the Dockerfiles', () => {
  const hadolint = path.join(workspace, '.venv/bin/hadolint');
  const files = ['docker/images', 'tests/docker'].flatMap((folder) =>
    readdirSync(path.join(workspace, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /Dockerfile$/.test(file))
      .map((file) => path.join(folder, file)),
  );
  (existsSync(hadolint) ? it : it.skip)('are clean for hadolint', () => {
    expect(files.length).toBeGreaterThan(4);
    const { status, stdout } = spawnSync(hadolint, files, { cwd: workspace, encoding: 'utf8' });
    expect([status, stdout]).toEqual([0, '']);
  });
});

describe('an image', () => {
  it('is another one where STACK_IMAGES says so', () => {
    expect(imageFor(workspace, 'postgres:18.4', { STACK_IMAGES: 'tests/docker/images.json' })).toBe(
      'stack-test/postgres:2',
    );
    expect(imageFor(workspace, 'other:1', { STACK_IMAGES: 'tests/docker/images.json' })).toBe('other:1');
    expect(() => imageFor(workspace, 'other:1', { STACK_IMAGES: 'no.json' })).toThrow(/no such file/);
  });
});
