/** What a stack's data consists of, from its definitions. */
import * as path from 'node:path';
import type { Service, Unit } from '@stack/model';
import { type Mount, SHARED, containersOf } from '../docker/containers';
import type { ContainerValues } from '../docker/values';
import { ownerOf } from '../docker/volumes';
import { volumeDir } from '../native/resolver';
import type { StackPaths } from '../stack';

/** A folder that is a service's volume, or the one that several share. */
export interface Part {
  /** `<unit>/<volume>`, or `shared`. */
  readonly name: string;
  /** On this machine. */
  readonly folder: string;
  /** In Docker. */
  readonly mount: Mount;
  /** In a container: the mount's target, or a folder in it. */
  readonly inside: string;
  /** The image of a container that has it. */
  readonly image: string;
  /** Whose the files are in a container. */
  readonly uid: number;
  readonly gid: number;
  /** Whether all that is in the folder is part of it. */
  readonly whole: boolean;
  /** Whether it has files of the user's own, in a folder that they may have changed meanwhile. */
  readonly yours: boolean;
  /** Whether what is at this place in the folder is. */
  holds(relative: string): boolean;
}

export interface Parts {
  /** Copied file by file. */
  readonly files: readonly Part[];
  /** Dumped and restored; their volumes are made anew. */
  readonly databases: readonly { readonly service: Service; readonly parts: readonly Part[] }[];
  /** Volumes of services that only Docker has: they stay there. */
  readonly inDocker: readonly Part[];
}

/** What a collector's deploy writes isn't data, and isn't among a container's volumes. */
export function partsOf(stack: StackPaths, units: readonly Unit[], values: ContainerValues): Parts {
  const services = units.filter((unit): unit is Service => unit.kind === 'service');
  const parts = new Map<string, Part & { readonly service: Service }>();
  for (const service of services.filter(({ docker }) => docker)) {
    for (const spec of containersOf(service, stack, values, services)) {
      const [uid, gid] = ownerOf(spec);
      for (const mount of spec.mounts) {
        const place = mount === SHARED ? sharedIn(stack, services) : placeOf(stack, service, mount);
        if (!parts.has(place.name))
          parts.set(place.name, { ...place, service, mount, image: spec.image, uid, gid });
      }
    }
  }
  const [both, inDocker] = divided(
    [...parts.values()],
    (part) => part.mount === SHARED || runsNatively(part.service),
  );
  const [dumped, files] = divided(both, (part) => part.mount !== SHARED && part.service.dumped !== undefined);
  return {
    files,
    databases: services
      .filter((service) => dumped.some((part) => part.service === service))
      .map((service) => ({ service, parts: dumped.filter((part) => part.service === service) })),
    inDocker,
  };
}

const runsNatively = ({ native }: Service): boolean => 'plan' in native;

/** Those for which it holds, and the others. */
const divided = <T>(all: readonly T[], holds: (one: T) => boolean): [T[], T[]] => [
  all.filter(holds),
  all.filter((one) => !holds(one)),
];

type Place = Pick<Part, 'name' | 'folder' | 'inside' | 'whole' | 'yours' | 'holds'>;

function placeOf(stack: StackPaths, service: Service, { target }: Mount): Place {
  const { name, volumes } = service;
  const [volume] = Object.entries(volumes).find(([, inside]) => inside === target) as [string, string];
  return {
    name: `${name}/${volume}`,
    folder: volumeDir(stack, service, volume),
    inside: target,
    whole: true,
    yours: service.yours.includes(volume),
    holds: () => true,
  };
}

/** What lies beside the services' volumes: the warehouse, dbt's artefacts. */
function sharedIn(stack: StackPaths, services: readonly Service[]): Place {
  const folders = new Set(services.map(({ name }) => name));
  return {
    name: SHARED.volume,
    folder: stack.data,
    inside: path.posix.join(SHARED.target, path.basename(stack.data)),
    whole: false,
    yours: false,
    holds: (relative) => !folders.has(relative.split('/')[0]),
  };
}
