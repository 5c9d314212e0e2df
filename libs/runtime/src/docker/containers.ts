/**
 * The containers of a service, from its definition: plain data, from which the runtime makes them and the compose file is written.
 */
import {
  IMAGE_USER,
  type Probe,
  type Service,
  StackError,
  type Value,
  bytesOf,
  containerEnvironment,
  dependenciesOf,
  insideOf,
  isOwnImage,
  isProbe,
} from '@stack/model';
import type { StackPaths } from '../stack';
import { volumeDir } from '../native/resolver';
import type { ContainerValues } from './values';

/** Where a container finds its environment's secrets, a file each. */
export const SECRETS = '/run/secrets';
/** The volume that programs share which share the stack's folder natively. */
export const SHARED = { volume: 'shared', target: '/stack' } as const;

export interface Mount {
  /** Name of a volume. */
  readonly volume: string;
  readonly target: string;
}

export interface Bind {
  /** A folder of this machine. */
  readonly folder: string;
  readonly target: string;
}

export interface ContainerSpec {
  /** `<unit>`, `<unit>-<process>`, or `<unit>-<what is done first>`: unique in the stack. */
  readonly name: string;
  readonly unit: string;
  readonly process: string;
  readonly image: string;
  /** Instead of the image's entrypoint and command. */
  readonly argv?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Part of the environment that has a secret: variable → value. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Port in the container → name of the definition's port. */
  readonly ports: Readonly<Record<number, string>>;
  readonly mounts: readonly Mount[];
  readonly binds: readonly Bind[];
  /** Names under which it is reached. */
  readonly aliases: readonly string[];
  /** Command that succeeds when it is healthy. Default: the image's own. */
  readonly health?: readonly string[];
  /** Bytes. */
  readonly memory: number;
  readonly user?: string;
  readonly readOnly: boolean;
  readonly capabilities: readonly string[];
  /** Names of containers that come first: those that have to be healthy, and those that have to end. */
  readonly after: readonly string[];
  /** How its readiness is asked; nothing for one that does its work and ends. */
  readonly probe?: Probe;
}

/**
 * Starts the command with the secrets in its environment. They are files, so that whoever may look at the container (`docker
 * inspect`) doesn't see them.
 */
export const withSecrets = (argv: readonly string[]): string[] => [
  '/bin/sh',
  '-c',
  `for f in ${SECRETS}/*; do [ -f "$f" ] && export "\${f##*/}=$(cat "$f")"; done; exec "$@"`,
  'stack',
  ...argv,
];

/**
 * What is done first, then the service's processes, in the order in which they start.
 * @throws StackError when the definition says nothing of a container
 */
export function containersOf(
  service: Service,
  stack: StackPaths,
  values: ContainerValues,
  services: readonly Service[],
): ContainerSpec[] {
  const { docker, name: unit } = service;
  if (!docker)
    throw new StackError(
      'NO_IMAGE',
      `${unit} has no image, so it can't run in a container`,
      `add docker: { image: … } to ${service.file}`,
    );
  const defined = containerEnvironment(service, 'together');
  const { env, secrets, ...own } = environmentOf(defined, values);
  const ours = isOwnImage(docker.image);
  const common = {
    unit,
    image: docker.image,
    env,
    secrets,
    mounts: [
      ...Object.entries(service.volumes)
        .filter(([volume]) => volume !== service.collect?.into)
        .map(([volume, target]) => ({ volume: `${unit}_${volume}`, target })),
      ...(own.shared ? [SHARED] : []),
    ],
    binds: [
      // What a collector's deploy writes, it writes on this machine.
      ...(service.collect
        ? [
            {
              folder: volumeDir(stack, service, service.collect.into),
              target: service.volumes[service.collect.into],
            },
          ]
        : []),
      ...Object.entries(docker.folders ?? {}).map(([target, folder]) => ({
        folder: values.of(folder).text,
        target,
      })),
    ],
    memory: bytesOf(docker.memory ?? service.memory),
    user: docker.user ?? (ours ? `${IMAGE_USER}:${IMAGE_USER}` : undefined),
    readOnly: !docker.writable,
    capabilities: docker.capabilities ?? [],
  };
  const names = new Set(services.map((one) => one.name));
  const before = [...new Set([...own.services, ...dependenciesOf(service)])]
    .filter((name) => name !== unit && names.has(name))
    .sort()
    .map((name) => lastOf(services.find((one) => one.name === name) as Service));
  const first = Object.entries(docker.first ?? {}).map(([process, once], i, all): ContainerSpec => {
    const its = environmentOf({ ...defined, ...once.env }, values);
    return {
      ...common,
      name: `${unit}-${process}`,
      process,
      image: once.image ?? docker.image,
      argv: Object.keys(its.secrets).length > 0 ? withSecrets(once.command) : once.command,
      env: its.env,
      secrets: its.secrets,
      user: once.user ?? common.user,
      ports: {},
      aliases: [],
      after: i === 0 ? before : [`${unit}-${all[i - 1][0]}`],
    };
  });
  const after = first.length > 0 ? [first[first.length - 1].name] : before;
  const shown = service.route?.port ?? Object.keys(service.ports)[0];
  const processes = processesOf(service).map(({ process, command, ports }, i, all): ContainerSpec => {
    if (!command && !ours && Object.keys(secrets).length > 0)
      throw new StackError(
        'DEFINITION_INVALID',
        `${service.file}: docker.command: is needed, as its environment has secrets`,
        "give the image's entrypoint and command",
      );
    const probe = isProbe(service.ready) ? service.ready : service.ready[process];
    const argv = command ?? (ours ? ['node', '/app/main.cjs'] : undefined);
    const name = nameOf(service, process);
    const health = docker.health?.(
      probe,
      insideOf(service.ports[probe.port]),
      ports.includes(probe.port) ? '127.0.0.1' : servedBy(service, probe.port),
    );
    return {
      ...common,
      name,
      process,
      argv: argv && (Object.keys(secrets).length > 0 ? withSecrets(argv) : argv),
      ports: Object.fromEntries(ports.map((port) => [insideOf(service.ports[port]), port])),
      // The last one is the name that the proxy has outside.
      aliases: ports.includes(shown) ? [...new Set([name, unit, `${unit}.localhost`])] : [name],
      health: health && (Object.keys(secrets).length > 0 ? withSecrets(health) : health),
      after: i === 0 ? after : [nameOf(service, all[i - 1].process)],
      probe,
    };
  });
  return [...first, ...processes];
}

interface Environment {
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** Something in it lies in the stack's shared volume. */
  readonly shared: boolean;
  /** Services that it leads to. */
  readonly services: readonly string[];
}

function environmentOf(variables: Readonly<Record<string, Value>>, values: ContainerValues): Environment {
  const all = Object.entries(variables).map(([name, value]) => [name, values.of(value)] as const);
  const pick = (secret: boolean) =>
    Object.fromEntries(
      all.filter(([, value]) => value.secret === secret).map(([name, { text }]) => [name, text]),
    );
  return {
    env: pick(false),
    secrets: pick(true),
    shared: all.some(([, { shared }]) => shared),
    services: all.flatMap(([, { services }]) => services),
  };
}

interface Process {
  readonly process: string;
  readonly command?: readonly string[];
  /** Names of the ports that it serves. */
  readonly ports: readonly string[];
}

function processesOf({ docker, ports }: Service): Process[] {
  if (!docker?.processes) return [{ process: 'main', command: docker?.command, ports: Object.keys(ports) }];
  return Object.entries(docker.processes).map(([process, { command, ports: served = [] }]) => ({
    process,
    command,
    ports: served,
  }));
}

const nameOf = (service: Service, process: string): string =>
  service.docker?.processes ? `${service.name}-${process}` : service.name;

/** The container that serves the port. */
export function servedBy(service: Service, port: string): string {
  const found = processesOf(service).find(({ ports }) => ports.includes(port));
  return found ? nameOf(service, found.process) : service.name;
}

/** `host:port` at which other containers reach a port of the service. */
export const addressOf = (service: Service, port: string): string =>
  `${servedBy(service, port)}:${insideOf(service.ports[port])}`;

/** The container of a service that is healthy last. */
const lastOf = (service: Service): string => nameOf(service, processesOf(service).at(-1)?.process ?? 'main');
