import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { type UnitStatus, ensureImage, findWorkspace, openEngine, stackPaths } from '@stack/runtime';
import { TestDocker, eventually, freePort, noDocker } from '@stack/testing';
import { query as send } from './query';

/**
 * The stack in containers, in a real engine, with images of ours really built. Where no registry is reached, third-party images
 * are the same products out of Debian's packages (tests/docker). Each test goes on where the one before has ended.
 */

jest.setTimeout(900_000);

const workspace = findWorkspace();
const home = mkdtempSync(path.join(tmpdir(), 'stack-docker-'));
const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NX_')));
const name = `docker-${process.pid}`;
const common = {
  ...inherited,
  STACK_HOME: home,
  NX_DAEMON: 'false',
  NODE_OPTIONS: '',
  FORCE_COLOR: '0',
  NX_TUI: 'false',
};
let docker: TestDocker;
let env: Record<string, string | undefined> = {};

interface Outcome {
  readonly status: number | undefined;
  readonly output: string;
  readonly stdout: string;
}

async function run(command: string, ...args: string[]): Promise<Outcome> {
  const { execa } = await import('execa');
  const { exitCode, all, stdout } = await execa(command, args, {
    cwd: workspace,
    env,
    extendEnv: false,
    all: true,
    reject: false,
  });
  return { status: exitCode, output: all, stdout };
}

const make = (...args: string[]): Promise<Outcome> => run('make', '-s', ...args);

async function succeeds(...args: string[]): Promise<string> {
  const { status, output } = await make(...args);
  if (status !== 0) throw new Error(output);
  return output;
}

async function units(): Promise<UnitStatus[]> {
  const { stdout } = await make('status', 'JSON=1');
  return JSON.parse(stdout.slice(stdout.indexOf('['))) as UnitStatus[];
}

/** Rows and a checksum of each published mart; independent of the rows' order. */
async function marts(): Promise<Record<string, unknown[]>> {
  const url = (await units()).find((unit) => unit.name === 'duckdb-http')?.url;
  const token = (await succeeds('secret', 's=duckdb-http', 'k=token')).trim();
  const query = (sql: string) => send(url, token, sql);
  const tables = await query(
    "select table_name from information_schema.tables where table_schema = 'main' and not starts_with(table_name, 'quarantine') order by 1",
  );
  const sums: Record<string, unknown[]> = {};
  for (const [table] of tables as string[][]) {
    const columns = (
      (await query(
        `select column_name from information_schema.columns where table_name = '${table}' order by 1`,
      )) as string[][]
    )
      .map(([column]) => column)
      // When a row was loaded or checked differs between any two runs.
      .filter((column) => !/loaded_at|valid_(from|to)|_dbt_|^dbt_|run_id/.test(column));
    const hash = columns.map((column) => `"${column}"`).join(', ');
    sums[table] = (await query(`select count(*), bit_xor(hash(${hash}))::varchar from "${table}"`))[0];
  }
  return sums;
}

const ids = (): string[] =>
  docker.run('ps', '-q', '--no-trunc', '--filter', `name=stack-${name}`).trim().split('\n').sort();

/** Root may start another engine, with a disk of its own. */
const hasDaemon = process.getuid?.() === 0 && spawnSync('sh', ['-c', 'command -v dockerd']).status === 0;

/** Debian's docker-registry. */
const hasRegistry = spawnSync('sh', ['-c', 'command -v docker-registry']).status === 0;

async function startRegistry(): Promise<{ address: string; stop(): void }> {
  const address = `127.0.0.1:${await freePort()}`;
  const file = path.join(home, 'registry.yml');
  const config = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: path.join(home, 'registry') } },
    http: { addr: address },
  };
  writeFileSync(file, JSON.stringify(config));
  const child = spawn('docker-registry', ['serve', file], { stdio: 'ignore' });
  await eventually(async () => expect((await fetch(`http://${address}/v2/`)).status).toBe(200));
  return { address, stop: () => child.kill() };
}

/** Pushes as a deploy to AWS does; returns the digest that the registry has. */
async function pushTo(target: string, image: string): Promise<string> {
  const { push } = await import('@stack/terraform');
  const [repository, tag] = [
    target.slice(0, target.lastIndexOf(':')),
    target.slice(target.lastIndexOf(':') + 1),
  ];
  process.env.DOCKER_HOST = docker.host;
  await push(image, repository, tag);
  const [address, ...name] = repository.split('/');
  const accept = 'application/vnd.docker.distribution.manifest.v2+json';
  const answer = await fetch(`http://${address}/v2/${name.join('/')}/manifests/${tag}`, {
    headers: { accept },
  });
  return answer.headers.get('docker-content-digest') ?? '';
}

const skipped = noDocker();
const real = skipped ? describe.skip : describe;

real('the stack in Docker', () => {
  let native: Record<string, unknown[]>;
  /** What dbt built and tested. */
  let built: string | undefined;
  const buildOf = (output: string) => /dbt_build \(.*?\): (.*)/.exec(output)?.[1];

  beforeAll(async () => {
    env = { ...common, STACK: `${name}-native` };
    built = buildOf(await succeeds('deploy-local'));
    native = await marts();
    await succeeds('reset', 'YES=1');
    docker = await TestDocker.start();
    env = { ...common, STACK: name, DOCKER_HOST: docker.host, STACK_IMAGES: 'tests/docker/images.json' };
    const base = execFileSync(path.join(workspace, 'tests/docker/base.sh'), {
      env: { ...process.env, DOCKER_HOST: docker.host, PATH: process.env.PATH },
      encoding: 'utf8',
    }).trim();
    env = { ...env, IMAGE_BASE_NODE: base, IMAGE_BASE_PYTHON: base };
  });

  afterAll(async () => {
    if (!docker) return;
    await make('reset', 'YES=1');
    await docker.stop();
    rmSync(home, { recursive: true, force: true });
  });

  it('comes up, and runs its pipeline', async () => {
    const output = await succeeds('deploy-local', 'RUNTIME=docker');
    expect(output).toContain('✔ pipeline: published');
    expect(built).toMatch(/\d+ models, .* \d+ tests/);
    expect(buildOf(output)).toBe(built);
    expect(output).toMatch(/sync_airbyte \(.*\): 2,100 rows/);
    const services = (await units()).filter(({ pids }) => pids.length > 0);
    expect(services.length).toBeGreaterThanOrEqual(8);
    expect((await units()).filter(({ health }) => !['healthy', 'done'].includes(health))).toEqual([]);
  });

  it('publishes the same marts as natively, row for row', async () => {
    const inContainers = await marts();
    expect(Object.keys(inContainers).length).toBeGreaterThan(8);
    expect(inContainers).toEqual(native);
  });

  it('has its pages behind the proxy, under the names that it has inside', async () => {
    const paths = stackPaths(workspace, env as NodeJS.ProcessEnv);
    const ports = JSON.parse(readFileSync(paths.ports, 'utf8')) as Record<string, { number: number }>;
    const port = ports['traefik.web'].number;
    for (const host of ['evidence', 'orchestration', 'duckdb-http', 'ingestion']) {
      const answer = execFileSync('curl', [
        '-s',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        '-H',
        `Host: ${host}.localhost`,
        `http://127.0.0.1:${port}/`,
      ]);
      expect([host, answer.toString()]).toEqual([host, '200']);
    }
    const script =
      "fetch('http://duckdb-http.localhost:4200/health').then((r) => r.text()).then(console.log)";
    expect(docker.run('exec', `stack-${name}-evidence`, 'node', '-e', script)).toContain('"status":"ok"');
  });

  it('has bills of material of all packages in its images', () => {
    const bills = (unit: string) =>
      docker.run('exec', `stack-${name}-${unit}`, 'ls', '/app/sbom').trim().split('\n');
    expect(bills('duckdb-http')).toEqual(['node.cdx.json']);
    expect(bills('ingestion')).toEqual(['node.cdx.json', 'source-faker.cdx.json']);
    expect(bills('orchestration-code')).toEqual(['python.cdx.json']);
  });

  it('shows no secret to who may look at its containers', async () => {
    const inspected = docker.run('inspect', ...ids());
    for (const [unit, key] of [
      ['duckdb-http', 'token'],
      ['postgres', 'password'],
      ['ingestion', 'client_secret'],
      ['redis', 'password'],
      ['object-store', 'writerKey'],
    ])
      expect(inspected).not.toContain((await succeeds('secret', `s=${unit}`, `k=${key}`)).trim());
  });

  it('bounds what a container may do', () => {
    interface Inspected {
      readonly Name: string;
      readonly HostConfig: Record<string, unknown>;
      readonly Config: { readonly Labels: Record<string, string>; readonly User: string };
    }
    for (const { Name, HostConfig, Config } of JSON.parse(docker.run('inspect', ...ids())) as Inspected[]) {
      expect(HostConfig).toMatchObject({
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges:true'],
        NetworkMode: `stack-${name}`,
        RestartPolicy: { Name: 'always' },
      });
      expect([Name, HostConfig.Memory]).toEqual([Name, expect.any(Number)]);
      expect(HostConfig.Memory).toBeGreaterThan(0);
      expect(Config.Labels['dev.freelancer-stack.stack']).toBe(name);
      if (!Name.endsWith('-postgres')) expect([Name, HostConfig.ReadonlyRootfs]).toEqual([Name, true]);
      if (!/-(postgres|traefik)$/.test(Name)) expect([Name, Config.User]).toEqual([Name, '10001:10001']);
    }
  });

  it('leaves alone what is as wanted', async () => {
    const before = ids();
    const started = Date.now();
    const output = await succeeds('deploy-local', 'RUNTIME=docker');
    expect(output).toContain('✔ nothing to change');
    expect(ids()).toEqual(before);
    console.log(
      `a deploy with nothing to do, and the pipeline with nothing new: ${(Date.now() - started) / 1_000} s`,
    );
  });

  it('refuses to run natively at the same time', async () => {
    const { status, output } = await make('deploy-local');
    expect(status).not.toBe(0);
    expect(output).toMatch(/runs in Docker/);
  });

  it('starts again what was removed by hand or ended, with its data', async () => {
    docker.run('rm', '-f', `stack-${name}-duckdb-http`);
    docker.run('kill', `stack-${name}-postgres`);
    const broken = await units();
    expect(broken.filter(({ health }) => health === 'down').map((unit) => unit.name)).toEqual([
      'duckdb-http',
      'postgres',
    ]);
    await succeeds('deploy-local', 'RUNTIME=docker');
    expect(await marts()).toEqual(native);
  });

  // An engine that isn't the tests' own isn't killed.
  (process.env.DOCKER_HOST ? it.skip : it)(
    'comes back by itself when the engine is killed and started again',
    async () => {
      await docker.kill();
      const { output } = await make('status');
      expect(output).toMatch(/no Docker engine answers/);
      await docker.startDaemon();
      await eventually(
        async () =>
          expect((await units()).filter(({ health }) => !['healthy', 'done'].includes(health))).toEqual([]),
        120_000,
      );
      await eventually(async () => expect(await marts()).toEqual(native), 60_000);
    },
  );

  it('shows logs', async () => {
    const { output } = await run('npx', 'stack', 'logs', 'ingestion', '--no-follow', '-n', '5');
    expect(output).toContain(`stack-${name}-ingestion`);
  });

  it('rolls back', async () => {
    await succeeds('pipeline', 'FORCE=1');
    expect(await succeeds('rollback')).toMatch(/✔ back to snapshot/);
  });

  (hasRegistry ? it : it.skip)('is locked to what a registry tells, and pushed to one', async () => {
    const registry = await startRegistry();
    try {
      const mirror = `${registry.address}/valkey:8.1.3`;
      const pushed = await pushTo(mirror, 'stack-test/valkey:1');
      const map = path.join(home, 'mirror.json');
      writeFileSync(map, JSON.stringify({ 'valkey/valkey:8.1.3': mirror }));
      const lock = path.join(home, 'lock.json');
      const { output } = await run(
        'env',
        `STACK_IMAGES=${map}`,
        'npx',
        'stack',
        'images-lock',
        '--output',
        lock,
      );
      const locked = JSON.parse(readFileSync(lock, 'utf8')) as Record<string, string>;
      expect(locked['valkey/valkey:8.1.3']).toBe(`${registry.address}/valkey@${pushed}`);
      // Those of registries out of reach stay tags, and are named.
      for (const image of ['postgres:18.4', 'traefik:v3.7'])
        if (!(image in locked)) expect(output).toContain(`- ${image} is unlocked: it stays a tag`);
      docker.run('pull', locked['valkey/valkey:8.1.3']);
    } finally {
      registry.stop();
    }
  });

  (hasRegistry && hasDaemon ? it : it.skip)(
    'says when the engine’s disk is full, and what makes room',
    async () => {
      const registry = await startRegistry();
      const small = await TestDocker.small(60);
      try {
        const folder = path.join(home, 'large');
        mkdirSync(folder);
        writeFileSync(path.join(folder, 'file'), randomBytes(100_000_000));
        const large = 'stack-test/large:1';
        execFileSync('sh', ['-c', `tar -C ${folder} -c . | docker import - ${large}`], {
          env: { ...process.env, DOCKER_HOST: docker.host },
        });
        const image = `${registry.address}/large:1`;
        await pushTo(image, large);
        docker.run('rmi', large);
        process.env.DOCKER_HOST = small.host;
        const said: unknown = await ensureImage(await openEngine(), image, () => undefined).catch(
          (error: unknown) => error,
        );
        expect(said).toMatchObject({ code: 'DISK_FULL' });
        expect(String(said)).toMatch(
          new RegExp(
            `image ${image} can't be pulled: the disk of the Docker engine is full .* \\d+ MB are free`,
          ),
        );
        expect(String(said)).toMatch(/docker system df .*docker system prune/);
      } finally {
        await small.stop();
        registry.stop();
      }
    },
  );

  it('is gone after a reset', async () => {
    await succeeds('reset', 'YES=1');
    const left = ['ps -aq', 'volume ls -q', 'network ls -q'].map((command) =>
      docker.run(...command.split(' '), '--filter', `label=dev.freelancer-stack.stack=${name}`).trim(),
    );
    expect(left).toEqual(['', '', '']);
  });
});
