/**
 * Volumes, and the secrets in them. What is put in goes through a container that is never started: so it works with an engine
 * on another machine too, and files belong to the user that reads them.
 */
import * as path from 'node:path';
import { StackError } from '@stack/model';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';
import { SECRETS, type ContainerSpec, type Mount } from './containers';
import { orNothing } from './engine';
import { LABELS, volumeName } from './names';
import type { DockerSession } from './session';

/** Volume with a container's secrets. It isn't a tmpfs: that would be empty when the engine starts containers again by itself. */
export const secretsMount = (spec: ContainerSpec): Mount | undefined =>
  Object.keys(spec.secrets).length > 0 ? { volume: `${spec.name}_secrets`, target: SECRETS } : undefined;

/** Makes the container's volumes, those that are new as its user's, and writes its secrets. */
export async function prepareVolumes(
  session: DockerSession,
  spec: ContainerSpec,
  image: string,
): Promise<void> {
  const [uid, gid] = ownerOf(spec);
  for (const mount of spec.mounts)
    if ((await ensureVolume(session, mount.volume)) && spec.user) await own(session, image, mount, uid, gid);
  const secrets = secretsMount(spec);
  if (!secrets) return;
  await ensureVolume(session, secrets.volume);
  await put(session, image, secrets, [
    { name: '', directory: true, uid, gid, mode: 0o500 },
    ...Object.entries(spec.secrets).map(([name, content]) => ({ name, content, uid, gid, mode: 0o400 })),
  ]);
}

/** Whose volumes they are, and in which engine. */
type Place = Pick<DockerSession, 'docker' | 'project' | 'stack'>;

/** Makes the volume's folder the user's. */
const own = (place: Place, image: string, mount: Mount, uid: number, gid: number): Promise<void> =>
  put(place, image, mount, [{ name: '', directory: true, uid, gid, mode: 0o755 }]);

/**
 * Makes the volume if there is none, as the user's.
 * @throws StackError when another stack has a volume of that name
 */
export async function makeVolume(
  place: Place,
  image: string,
  mount: Mount,
  uid: number,
  gid: number,
): Promise<void> {
  if (await ensureVolume(place, mount.volume)) await own(place, image, mount, uid, gid);
}

export function ownerOf({ user }: ContainerSpec): [number, number] {
  const [uid, gid = uid] = (user ?? '0:0').split(':').map(Number);
  return [uid, gid];
}

/**
 * True when it is new.
 * @throws StackError when another stack has a volume of that name
 */
async function ensureVolume({ docker, project, stack }: Place, volume: string): Promise<boolean> {
  const Name = volumeName(project, volume);
  const found = await orNothing(docker.getVolume(Name).inspect());
  if (!found) {
    await docker.createVolume({ Name, Labels: { [LABELS.stack]: stack.name } });
    return true;
  }
  const owner = (found.Labels as Record<string, string> | null)?.[LABELS.stack];
  if (owner !== stack.name)
    throw new StackError(
      'FOREIGN_VOLUME',
      `the volume ${Name} is ${owner ? `the stack ${owner}'s` : "not this project's"}`,
      `rename the stack (STACK=<name>), or delete the volume if nobody needs it: docker volume rm ${Name}`,
    );
  return false;
}

interface Entry {
  /** Below the volume's folder; empty: that folder. */
  readonly name: string;
  readonly directory?: boolean;
  readonly content?: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

function put(place: Place, image: string, mount: Mount, entries: readonly Entry[]): Promise<void> {
  return withVolume(place, image, mount, async (container) => {
    const { dir, base } = path.posix.parse(mount.target);
    // Docker doesn't change the owner of the folder that it unpacks into; Podman doesn't see the volume from the folder above.
    const folders = entries.filter(({ directory }) => directory);
    await container.putArchive(archive(base, folders), { path: dir });
    await container.putArchive(archive('.', entries), { path: mount.target });
  });
}

/** Gives a container that has the volume, and never runs. */
export async function withVolume<T>(
  { docker, project, stack }: Place,
  image: string,
  { volume, target }: Mount,
  work: (container: Docker.Container) => Promise<T>,
): Promise<T> {
  const container = await docker.createContainer({
    Image: image,
    // Never run.
    Entrypoint: ['/'],
    Labels: { [LABELS.stack]: stack.name, [LABELS.process]: 'put' },
    HostConfig: {
      Mounts: [{ Type: 'volume', Source: volumeName(project, volume), Target: target }],
    },
  });
  try {
    return await work(container);
  } finally {
    await container.remove({ force: true });
  }
}

export function archive(folder: string, entries: readonly Entry[]): NodeJS.ReadableStream {
  const tar = pack();
  for (const { content = '', directory, name, ...header } of entries)
    if (directory) tar.entry({ ...header, name: path.posix.join(folder, name), type: 'directory' });
    else tar.entry({ ...header, name: path.posix.join(folder, name) }, content);
  tar.finalize();
  return tar as unknown as NodeJS.ReadableStream;
}

/** Deletes every volume of the stack. */
export async function removeVolumes(docker: Docker, stack: string): Promise<string[]> {
  const { Volumes } = await docker.listVolumes({ filters: { label: [`${LABELS.stack}=${stack}`] } });
  for (const { Name } of Volumes) await docker.getVolume(Name).remove();
  return Volumes.map(({ Name }) => Name);
}
