/** Containers are brought to their wanted state: what has the same hash and runs is left alone. */
import { existsSync, mkdirSync } from 'node:fs';
import { type Probe, type Service, StackError, type Unit } from '@stack/model';
import { probe as ask } from '@stack/supervisor';
import type Docker from 'dockerode';
import {
  type Deployed,
  type Say,
  collect,
  converge,
  folderOf,
  left,
  leftUnasked,
  recordingFailure,
  register,
  resolveProbe,
  settlePorts,
  writeCollected,
} from '../converge';
import { digest, sha256 } from '../files';
import { planContext } from '../native/context';
import { clearFailure } from '../native/failures';
import { readEntry, readRegistry, removeEntry } from '../native/registry';
import { HOST } from '../native/resolver';
import type { StackPaths } from '../stack';
import { type ContainerSpec, addressOf, containersOf } from './containers';
import { containersIn, orNothing, saidBy, statusOf } from './engine';
import { ensureImage, imageFor } from './images';
import { lastLines } from './logs';
import { LABELS, containerName, volumeName } from './names';
import type { DockerSession } from './session';
import { prepareVolumes, secretsMount } from './volumes';

/** Milliseconds that a container may take until it is ready. */
const PATIENCE = 180_000;
const POLL = 100;
/** Log lines that an error shows. */
const SHOWN = 20;

/** That a program has to end in order. */
const STOP_SECONDS = 10;

/** How the engine asks whether a container is healthy; each question starts a program in it. A deploy asks from outside. */
export const HEALTH_SECONDS = { interval: 30, timeout: 5, startPeriod: 60, retries: 3 } as const;
/** After a crash, the engine takes what it finds running for stopped by hand: `unless-stopped` would leave it so. */
export const RESTART = 'always';
export const LOGGING = { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } } as const;

/**
 * Brings one unit to its wanted state and returns when it is healthy.
 * @throws StackError with the reason, the last lines of the log and what to do
 */
export async function deployInDocker(session: DockerSession, name: string, say: Say): Promise<Deployed> {
  return recordingFailure(
    session,
    name,
    () => deploy(session, session.loader.unit(name), say),
    (error) => told(error, name),
  );
}

/** What the engine refuses, without its client's stack trace. */
const told = (error: unknown, unit: string): unknown =>
  statusOf(error) === undefined
    ? error
    : new StackError('DOCKER_REFUSED', `${unit}: the Docker engine refuses: ${saidBy(error)}`);

async function deploy(session: DockerSession, unit: Unit, say: Say): Promise<Deployed> {
  const unasked = leftUnasked(session.stack, unit);
  if (unasked) return unasked;
  switch (unit.kind) {
    case 'service':
      return deployService(session, unit, say);
    case 'module': {
      const { native } = unit;
      if (!native) return left('is only in the cloud');
      const context = planContext(unit, { ...session, progress: say });
      return converge(session, unit, context, [], () => native.apply(context));
    }
    case 'job':
      // A container's programs prepare themselves: what a job makes natively is in the image, or in the stack's volume.
      return left('is done by the container that uses it');
  }
}

async function deployService(session: DockerSession, unit: Service, say: Say): Promise<Deployed> {
  const { docker, project, stack } = session;
  const before = await containersIn(docker, stack.name, unit.name);
  const published = new Set(before.flatMap(({ Ports }) => Ports.map(({ PublicPort }) => PublicPort)));
  settlePorts(session, unit, (_, port) => published.has(port), say);
  const context = planContext(unit, { ...session, progress: say });
  // What it watches is there before it starts.
  writeCollected(unit, readRegistry(stack), context);
  const services = session.loader.all().filter((one): one is Service => one.kind === 'service');
  const specs = containersOf(unit, stack, session.values, services);
  const started: string[] = [];
  const wanted = new Set(specs.map(({ name }) => `/${containerName(project, name)}`));
  for (const { Id, Names } of before)
    if (!Names.some((name) => wanted.has(name))) await docker.getContainer(Id).remove({ force: true });
  const hashes: string[] = [];
  for (const spec of specs) {
    const image = imageFor(stack.workspace, spec.image);
    const id = await ensureImage(docker, image, say);
    const options = optionsOf(session, unit, spec, image);
    const hash = sha256(JSON.stringify([options, spec.secrets, id]));
    hashes.push(hash);
    const container = docker.getContainer(containerName(project, spec.name));
    const found = await orNothing(container.inspect());
    const same = found?.Config.Labels[LABELS.hash] === hash;
    if (same && !spec.probe && isDone(found)) continue;
    if (same && spec.probe && found.State.Running) {
      const health = found.State.Health?.Status ?? 'healthy';
      if (health === 'healthy') continue;
      // One that hangs is started anew; one that still starts is waited for.
      if (health === 'unhealthy') {
        await container.restart({ t: STOP_SECONDS });
        started.push(spec.process);
      }
    } else {
      if (found && found.Config.Labels[LABELS.stack] !== stack.name) throw foreign(spec, project);
      if (found) await end(container);
      await prepareVolumes(session, spec, image);
      for (const { folder } of spec.binds) haveFolder(stack, unit, folder);
      await docker.createContainer({ ...options, Labels: { ...options.Labels, [LABELS.hash]: hash } });
      started.push(spec.process);
    }
    await (spec.probe ? start(session, unit, spec, spec.probe, say) : runToItsEnd(session, spec, say));
  }
  const hash = sha256([...hashes, ...(unit.setUp ? [digest([folderOf(session, unit)])] : [])].join());
  if (unit.setUp && readEntry(stack, unit.name)?.hash !== hash) {
    say(`setting up ${unit.name}`);
    await unit.setUp(context);
  }
  const changed = await register(
    session,
    unit,
    {
      hash,
      processes: specs.filter(({ probe }) => probe).map(({ name }) => containerName(project, name)),
      runtime: 'docker',
      reachedAt: (port) => addressOf(unit, port),
    },
    say,
  );
  if (started.length === 0) return { changed, summary: changed ? 'registered' : 'unchanged' };
  return { changed: true, summary: `started${specs.length > 1 ? ` ${started.join(', ')}` : ''}` };
}

/** One of the stack's is made; one that the user has named is there, or is a mistake. */
function haveFolder(stack: StackPaths, unit: Service, folder: string): void {
  if (folder.startsWith(`${stack.dir}/`) || folder === stack.inbox) mkdirSync(folder, { recursive: true });
  else if (!existsSync(folder))
    throw new StackError('NO_FOLDER', `${unit.name}: there is no folder ${folder}`, 'give one that is there');
}

const foreign = (spec: ContainerSpec, project: string): StackError =>
  new StackError(
    'FOREIGN_CONTAINER',
    `a container called ${containerName(project, spec.name)} is there, and isn't this stack's`,
    `rename or remove it: docker rm -f ${containerName(project, spec.name)}`,
  );

/** As the engine is told it, without the hash. */
function optionsOf(
  { ports, project, stack }: DockerSession,
  unit: Service,
  spec: ContainerSpec,
  image: string,
): Docker.ContainerCreateOptions {
  const secrets = secretsMount(spec);
  const published = Object.entries(spec.ports).map(
    ([number, port]) => [`${number}/tcp`, ports.number(unit.name, port, unit.ports[port].number)] as const,
  );
  return {
    name: containerName(project, spec.name),
    Image: image,
    ...(spec.argv && { Entrypoint: spec.argv.slice(0, 1), Cmd: spec.argv.slice(1) }),
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    User: spec.user,
    Labels: {
      [LABELS.stack]: stack.name,
      [LABELS.unit]: spec.unit,
      [LABELS.process]: spec.process,
      ...(!spec.probe && { [LABELS.once]: 'true' }),
    },
    ExposedPorts: Object.fromEntries(published.map(([port]) => [port, {}])),
    Healthcheck: spec.health && {
      Test: ['CMD', ...spec.health],
      Interval: HEALTH_SECONDS.interval * 1e9,
      Timeout: HEALTH_SECONDS.timeout * 1e9,
      Retries: HEALTH_SECONDS.retries,
      StartPeriod: HEALTH_SECONDS.startPeriod * 1e9,
    },
    HostConfig: {
      NetworkMode: project,
      PortBindings: Object.fromEntries(
        published.map(([port, number]) => [port, [{ HostIp: HOST, HostPort: String(number) }]]),
      ),
      Mounts: [
        ...spec.mounts.map(({ volume, target }) => ({
          Type: 'volume' as const,
          Source: volumeName(project, volume),
          Target: target,
        })),
        ...(secrets
          ? [
              {
                Type: 'volume' as const,
                Source: volumeName(project, secrets.volume),
                Target: secrets.target,
                ReadOnly: true,
              },
            ]
          : []),
        ...spec.binds.map(({ folder, target }) => ({
          Type: 'bind' as const,
          Source: folder,
          Target: target,
          ReadOnly: true,
        })),
      ],
      Tmpfs: { '/tmp': '' },
      ReadonlyRootfs: spec.readOnly,
      CapDrop: ['ALL'],
      CapAdd: [...spec.capabilities],
      SecurityOpt: ['no-new-privileges:true'],
      Memory: spec.memory,
      Init: true,
      RestartPolicy: { Name: spec.probe ? RESTART : 'no' },
      LogConfig: { Type: LOGGING.driver, Config: LOGGING.options },
    },
    NetworkingConfig: { EndpointsConfig: { [project]: { Aliases: [...spec.aliases] } } },
  };
}

/** Stops it in order, and removes it. */
export async function end(container: Docker.Container): Promise<void> {
  await container.stop({ t: STOP_SECONDS }).catch((error: unknown) => {
    // 304: it doesn't run.
    if (statusOf(error) !== 304) throw error;
  });
  await container.remove({ force: true });
}

/** Starts the container if it doesn't run, and waits until its probe is answered. */
async function start(
  session: DockerSession,
  unit: Service,
  spec: ContainerSpec,
  probe: Probe,
  say: Say,
): Promise<void> {
  const container = session.docker.getContainer(containerName(session.project, spec.name));
  await begin(container, spec);
  const target = resolveProbe(session, unit, probe);
  const deadline = Date.now() + PATIENCE;
  say(`waiting for ${spec.name}`);
  const before = (await container.inspect()).RestartCount;
  for (let reason = ''; ;) {
    const { State, RestartCount } = await container.inspect();
    if (!State.Running || RestartCount > before)
      throw await notReady(
        session,
        spec,
        `ends at once, with exit status ${State.ExitCode}${State.OOMKilled ? ' (it needed more than its memory)' : ''}`,
      );
    try {
      await ask(target, Date.parse(State.StartedAt));
      return;
    } catch (error) {
      reason = (error as Error).message;
    }
    if (Date.now() > deadline)
      throw await notReady(session, spec, `isn't ready after ${PATIENCE / 1_000} s: ${reason}`);
    await new Promise((done) => setTimeout(done, POLL));
  }
}

/** Starts the container if it doesn't run. */
async function begin(container: Docker.Container, spec: ContainerSpec): Promise<void> {
  try {
    await container.start();
  } catch (error) {
    if (statusOf(error) !== 304) throw notStarted(spec, saidBy(error));
  }
}

const isDone = ({ State }: Docker.ContainerInspectInfo): boolean =>
  State.Status === 'exited' && State.ExitCode === 0;

/** Starts what is done first and waits until it has ended well. */
async function runToItsEnd(session: DockerSession, spec: ContainerSpec, say: Say): Promise<void> {
  const container = session.docker.getContainer(containerName(session.project, spec.name));
  say(`${spec.name} is at work`);
  await begin(container, spec);
  const { StatusCode } = (await container.wait()) as { StatusCode: number };
  if (StatusCode === 0) return;
  throw await notReady(session, spec, `ends with exit status ${StatusCode}, so ${spec.unit} isn't started`);
}

/** With the end of its log. */
async function notReady(
  { docker, project }: DockerSession,
  { name, unit }: ContainerSpec,
  what: string,
): Promise<StackError> {
  const lines = await lastLines(docker, containerName(project, name), SHOWN);
  return new StackError('NOT_READY', `${name} ${what}`, `make logs s=${unit}`, lines);
}

function notStarted(spec: ContainerSpec, said: string): StackError {
  const port = /(?:bind|port).*?:(\d+).*(?:in use|already allocated)/.exec(said)?.[1];
  if (port)
    return new StackError(
      'PORT_TAKEN',
      `${spec.name} can't have the port ${port}: somebody else has it`,
      `docker ps shows who, if it is a container; else lsof -i :${port}`,
      [said],
    );
  return new StackError('NOT_STARTED', `${spec.name} can't be started: ${said}`);
}

/** Removes the unit's containers and forgets it; its volumes stay. */
export async function destroyInDocker(session: DockerSession, name: string, say: Say): Promise<Deployed> {
  const existed = readEntry(session.stack, name) !== undefined;
  const containers = await containersIn(session.docker, session.stack.name, name);
  for (const { Id } of containers) await end(session.docker.getContainer(Id));
  removeEntry(session.stack, name);
  clearFailure(session.stack, name);
  session.ports.forget(name);
  if (existed) await collect(session, say);
  return existed || containers.length > 0
    ? { changed: true, summary: containers.length > 0 ? 'removed' : 'forgotten' }
    : { changed: false, summary: 'was not deployed' };
}
