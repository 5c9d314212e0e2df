/** The stack as a compose file: what the runtime makes, for whoever would rather have `docker compose` make it. */
import { type Service, isOwnImage } from '@stack/model';
import * as path from 'node:path';
import { type Workplace, collectedBy, entryOf } from '../converge';
import { planContext } from '../native/context';
import { HOST, nativeResolver } from '../native/resolver';
import { type ContainerSpec, SECRETS, addressOf, containersOf } from './containers';
import { HEALTH_SECONDS, LOGGING, RESTART } from './deploy';
import { imageFor } from './images';
import { LABELS, containerName, projectOf, volumeName } from './names';
import { ContainerValues } from './values';

type Place = Pick<Workplace, 'stack' | 'loader' | 'ports'>;

export interface Compose {
  /** A file of the Compose Specification, with no secret in it. */
  readonly file: ComposeFile;
  /** Files of the folder `secrets` beside it: name → content. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What collectors (the proxy) know of the services: file → content. */
  readonly collected: Readonly<Record<string, string>>;
}

export interface ComposeFile {
  readonly name: string;
  readonly services: Readonly<Record<string, object>>;
  readonly networks: object;
  readonly volumes: object;
  readonly secrets?: object;
}

/**
 * Every service that has an image, as containers.
 * @param folder absolute path of the compose file's folder: what a stack of the runtime has in its folder `data` is there
 */
export function composeOf({ stack: given, ...rest }: Place, folder: string): Compose {
  const place = { ...rest, stack: { ...given, data: folder } };
  const { stack, loader } = place;
  const project = projectOf(stack);
  const services = loader
    .all()
    .filter((unit): unit is Service => unit.kind === 'service')
    .sort((a, b) => a.name.localeCompare(b.name));
  const values = new ContainerValues(stack, loader, place.ports);
  const inContainers = services.filter(({ docker }) => docker);
  const specs = inContainers.flatMap((service) =>
    containersOf(service, stack, values, services).map((spec) => ({ service, spec })),
  );
  const conditions = new Map(specs.map(({ spec }) => [spec.name, conditionOf(spec)]));
  const volumes = [...new Set(specs.flatMap(({ spec }) => spec.mounts.map(({ volume }) => volume)))].sort();
  const secrets = specs.flatMap(({ spec }) =>
    Object.entries(spec.secrets).map(([name, value]) => [fileOf(spec, name), value] as const),
  );
  return {
    file: {
      name: project,
      services: Object.fromEntries(
        specs.flatMap(({ service, spec }) => [
          ...(needsOwner(spec) ? [[ownerOf(spec), volumesOwner(place, project, service, spec)]] : []),
          [spec.name, serviceOf(place, project, service, spec, conditions)],
        ]),
      ),
      networks: { default: { name: project, labels: { [LABELS.stack]: stack.name } } },
      volumes: Object.fromEntries(
        volumes.map((volume) => [
          volume,
          { name: volumeName(project, volume), labels: { [LABELS.stack]: stack.name } },
        ]),
      ),
      ...(secrets.length > 0 && {
        secrets: Object.fromEntries(secrets.map(([name]) => [name, { file: `./secrets/${name}` }])),
      }),
    },
    secrets: Object.fromEntries(secrets),
    collected: collected(place, values, inContainers),
  };
}

const profilesOf = ({ profiles }: Service): object =>
  profiles.length > 0 ? { profiles: [...profiles] } : {};

/** When whoever comes after the container may start. */
const conditionOf = ({ probe, health }: ContainerSpec): string =>
  !probe ? 'service_completed_successfully' : health ? 'service_healthy' : 'service_started';

function collected(
  place: Place,
  values: ContainerValues,
  services: readonly Service[],
): Record<string, string> {
  const { stack, loader, ports } = place;
  const parts = {
    ...place,
    resolver: nativeResolver(stack, loader, ports),
    values,
    progress: () => undefined,
  };
  const entries = services.map((service) =>
    entryOf(place, service, { hash: '', processes: [], reachedAt: (port) => addressOf(service, port) }),
  );
  return Object.fromEntries(
    services.flatMap((service) => collectedBy(service, entries, planContext(service, parts))),
  );
}

/** Whether volumes have to be made its user's: an image of ours has the folders, which a new volume takes after. */
const needsOwner = ({ user, mounts, image }: ContainerSpec): boolean =>
  user !== undefined && mounts.length > 0 && !isOwnImage(image);
const ownerOf = ({ name }: ContainerSpec): string => `${name}-volumes`;

/** What compose has no word for, a container does that ends at once. */
const volumesOwner = ({ stack }: Place, project: string, service: Service, spec: ContainerSpec): object => ({
  container_name: containerName(project, ownerOf(spec)),
  image: imageFor(stack.workspace, spec.image),
  entrypoint: ['chown'],
  command: [spec.user, ...spec.mounts.map(({ target }) => target)],
  user: '0:0',
  read_only: true,
  cap_drop: ['ALL'],
  cap_add: ['CHOWN'],
  security_opt: ['no-new-privileges:true'],
  network_mode: 'none',
  volumes: volumesOf(spec),
  restart: 'no',
  ...profilesOf(service),
  labels: { [LABELS.stack]: stack.name, [LABELS.process]: 'volumes' },
});

const volumesOf = (spec: ContainerSpec): object[] =>
  spec.mounts.map(({ volume, target }) => ({ type: 'volume', source: volume, target }));

/** Name of a secret in the file, and of the file that has its value. */
const fileOf = (spec: ContainerSpec, name: string): string =>
  `${spec.name}_${name}`.toUpperCase().replaceAll(/\W/g, '_');

function serviceOf(
  { stack, ports }: Place,
  project: string,
  service: Service,
  spec: ContainerSpec,
  conditions: ReadonlyMap<string, string>,
): object {
  const secrets = Object.keys(spec.secrets);
  const { name, ports: defined } = service;
  return {
    container_name: containerName(project, spec.name),
    image: imageFor(stack.workspace, spec.image),
    // One of ours is in no registry.
    ...(isOwnImage(spec.image) && { pull_policy: 'never' }),
    ...(spec.argv && { entrypoint: escaped(spec.argv.slice(0, 1)), command: escaped(spec.argv.slice(1)) }),
    environment: Object.fromEntries(Object.entries(spec.env).map(([key, value]) => [key, escape(value)])),
    ...(secrets.length > 0 && {
      secrets: secrets.map((secret) => ({
        source: fileOf(spec, secret),
        target: `${SECRETS}/${secret}`,
      })),
    }),
    ...(spec.user && { user: spec.user }),
    read_only: spec.readOnly,
    tmpfs: ['/tmp'],
    cap_drop: ['ALL'],
    ...(spec.capabilities.length > 0 && { cap_add: [...spec.capabilities] }),
    security_opt: ['no-new-privileges:true'],
    init: true,
    mem_limit: String(spec.memory),
    ...(Object.keys(spec.ports).length > 0 && {
      ports: Object.entries(spec.ports).map(([number, port]) => ({
        target: Number(number),
        published: String(ports.number(name, port, defined[port].number)),
        host_ip: HOST,
        protocol: 'tcp',
      })),
    }),
    volumes: [
      ...volumesOf(spec),
      ...spec.binds.map(({ folder, target }) => ({
        type: 'bind',
        source: besides(folder, stack.data),
        target,
        read_only: true,
      })),
    ],
    networks: { default: { aliases: [...spec.aliases] } },
    ...(spec.health && {
      healthcheck: {
        test: ['CMD', ...escaped(spec.health)],
        // Others wait for it.
        interval: '10s',
        timeout: `${HEALTH_SECONDS.timeout}s`,
        start_period: `${HEALTH_SECONDS.startPeriod}s`,
        retries: HEALTH_SECONDS.retries,
      },
    }),
    ...((spec.after.length > 0 || needsOwner(spec)) && {
      depends_on: {
        ...(needsOwner(spec) && { [ownerOf(spec)]: { condition: 'service_completed_successfully' } }),
        ...Object.fromEntries(spec.after.map((other) => [other, { condition: conditions.get(other) }])),
      },
    }),
    restart: spec.probe ? RESTART : 'no',
    ...profilesOf(service),
    logging: LOGGING,
    labels: {
      [LABELS.stack]: stack.name,
      [LABELS.unit]: spec.unit,
      [LABELS.process]: spec.process,
      ...(!spec.probe && { [LABELS.once]: 'true' }),
    },
  };
}

/** A folder beside the compose file by its place there, so that all of it can be moved. */
const besides = (folder: string, here: string): string =>
  folder.startsWith(`${here}/`) ? `./${path.relative(here, folder)}` : folder;

/** Compose replaces `$NAME`; `$$` is a dollar. */
const escape = (text: string): string => text.replaceAll('$', '$$$$');
const escaped = (words: readonly string[]): string[] => words.map(escape);
