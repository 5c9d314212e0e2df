/** What a stack's data consists of, from its definitions. */
import * as path from 'node:path';
import type { Service, Unit } from '@stack/model';
import { type Mount, SHARED, containersOf } from '../docker/containers';
import type { ContainerValues } from '../docker/values';
import { ownerOf } from '../docker/volumes';
import { volumeDir } from '../native/resolver';
import type { StackPaths } from '../stack';
import type { Runtime } from './state';

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
  /** Whether what is at this place in the folder is part of it. */
  holds(relative: string): boolean;
}

export interface Parts {
  /** Copied file by file. */
  readonly files: readonly Part[];
  /** Dumped and restored; their volumes are made anew. */
  readonly databases: readonly { readonly service: Service; readonly parts: readonly Part[] }[];
  /** Volumes of services that one runtime has alone, by that runtime. */
  readonly staying: Readonly<Record<Runtime, readonly string[]>>;
}

/** Files that belong to whatever the runtime writes into a collector's volume aren't data: the next deploy makes them. */
export function partsOf(stack: StackPaths, units: readonly Unit[], values: ContainerValues): Parts {
  const services = units.filter((unit): unit is Service => unit.kind === 'service');
  const kept = services.filter(({ volumes, collect }) => Object.keys(volumes).length > 0 && !collect);
  const both = services.filter((service) => runsIn(service, 'native') && runsIn(service, 'docker'));
  const parts = new Map<string, Part & { readonly service: Service }>();
  for (const service of both) {
    for (const spec of containersOf(service, stack, values, services)) {
      const [uid, gid] = ownerOf(spec);
      for (const mount of spec.mounts) {
        const place = mount === SHARED ? sharedIn(stack, services) : placeOf(stack, service, mount);
        if (!parts.has(place.name))
          parts.set(place.name, { ...place, service, mount, image: spec.image, uid, gid });
      }
    }
  }
  const all = [...parts.values()];
  const only = (here: Runtime, elsewhere: Runtime) =>
    kept
      .filter((service) => runsIn(service, here) && !runsIn(service, elsewhere))
      .flatMap(({ name, volumes }) => Object.keys(volumes).map((volume) => `${name}/${volume}`));
  return {
    files: all.filter(({ service, mount }) => mount === SHARED || !service.dumped),
    databases: both
      .filter(({ dumped }) => dumped)
      .map((service) => ({
        service,
        parts: all.filter((part) => part.mount !== SHARED && part.service === service),
      })),
    staying: { native: only('native', 'docker'), docker: only('docker', 'native') },
  };
}

const runsIn = (service: Service, runtime: Runtime): boolean => service[runtime] !== undefined;

type Place = Pick<Part, 'name' | 'folder' | 'inside' | 'holds'>;

function placeOf(stack: StackPaths, { name, volumes }: Service, { target }: Mount): Place {
  const [volume] = Object.entries(volumes).find(([, inside]) => inside === target) as [string, string];
  return {
    name: `${name}/${volume}`,
    folder: volumeDir(stack, name, volume),
    inside: target,
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
    holds: (relative) => !folders.has(relative.split('/')[0]),
  };
}
