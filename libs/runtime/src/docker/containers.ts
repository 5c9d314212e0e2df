/**
 * The containers of a service, from its definition: plain data, from which the runtime makes them and the compose file is written.
 */
import {
  IMAGE_USER,
  type Probe,
  type Service,
  StackError,
  bytesOf,
  containerEnvironment,
  dependenciesOf,
  isOwnImage,
  isProbe,
} from '@stack/model';
import type { StackPaths } from '../stack';
import type { ContainerValues } from './values';

/** Where a container finds its environment's secrets, a file each. */
export const SECRETS = '/run/secrets';
/** The volume that programs share which share the stack's folder natively. */
const SHARED = { volume: 'shared', target: '/stack' } as const;

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
  /** `<unit>`, or `<unit>-<process>`: unique in the stack. */
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
  /** Names of containers that have to be healthy first. */
  readonly after: readonly string[];
  readonly probe: Probe;
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

/** @throws StackError when the definition says nothing of a container */
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
  const environment = Object.entries(containerEnvironment(service, 'together')).map(
    ([name, value]) => [name, values.of(value)] as const,
  );
  const pick = (secret: boolean) =>
    Object.fromEntries(
      environment.filter(([, value]) => value.secret === secret).map(([name, { text }]) => [name, text]),
    );
  const secrets = pick(true);
  const ours = isOwnImage(docker.image);
  const writes = service.collect ? Object.entries(service.volumes) : [];
  const common = {
    unit,
    image: docker.image,
    env: pick(false),
    secrets,
    mounts: [
      ...Object.entries(service.volumes)
        .filter(() => !service.collect)
        .map(([volume, target]) => ({ volume: `${unit}_${volume}`, target })),
      ...(environment.some(([, value]) => value.shared) ? [SHARED] : []),
    ],
    binds: [
      // What a collector's deploy writes, it writes on this machine.
      ...writes.map(([volume, target]) => ({ folder: `${stack.data}/${unit}/${volume}`, target })),
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
  const needed = [...environment.flatMap(([, value]) => value.services), ...dependenciesOf(service)];
  const after = [...new Set(needed)]
    .filter((name) => name !== unit && names.has(name))
    .sort()
    .map((name) => lastOf(services.find((one) => one.name === name) as Service));
  const shown = service.route?.port ?? Object.keys(service.ports)[0];
  return processesOf(service).map(({ process, command, ports }, i, all) => {
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
      service.ports[probe.port].number,
      ports.includes(probe.port) ? '127.0.0.1' : servedBy(service, probe.port),
    );
    return {
      ...common,
      name,
      process,
      argv: argv && (Object.keys(secrets).length > 0 ? withSecrets(argv) : argv),
      ports: Object.fromEntries(ports.map((port) => [service.ports[port].number, port])),
      // The last one is the name that the proxy has outside.
      aliases: ports.includes(shown) ? [...new Set([name, unit, `${unit}.localhost`])] : [name],
      health: health && (Object.keys(secrets).length > 0 ? withSecrets(health) : health),
      after: i === 0 ? after : [nameOf(service, all[i - 1].process)],
      probe,
    };
  });
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

/** Address at which other containers reach the service's page. */
export const pageOf = (service: Service): string | undefined =>
  service.route &&
  `http://${servedBy(service, service.route.port)}:${service.ports[service.route.port].number}`;

/** The container of a service that is healthy last. */
const lastOf = (service: Service): string => nameOf(service, processesOf(service).at(-1)?.process ?? 'main');
