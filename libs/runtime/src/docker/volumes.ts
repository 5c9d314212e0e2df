/**
 * Volumes, and the secrets in them. What is put in goes through a container that is never started: so it works with an engine
 * on another machine too, and files belong to the user that reads them.
 */
import * as path from 'node:path';
import { StackError } from '@stack/model';
import type Docker from 'dockerode';
import { type Pack, pack } from 'tar-stream';
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
  const fresh: Mount[] = [];
  for (const mount of spec.mounts) if (await ensureVolume(session, mount.volume)) fresh.push(mount);
  const [uid, gid] = ownerOf(spec);
  if (spec.user)
    for (const { volume, target } of fresh)
      await put(session, image, { volume, target }, [{ name: '', directory: true, uid, gid, mode: 0o755 }]);
  const secrets = secretsMount(spec);
  if (!secrets) return;
  await ensureVolume(session, secrets.volume);
  await put(session, image, secrets, [
    { name: '', directory: true, uid, gid, mode: 0o500 },
    ...Object.entries(spec.secrets).map(([name, content]) => ({ name, content, uid, gid, mode: 0o400 })),
  ]);
}

function ownerOf({ user }: ContainerSpec): [number, number] {
  const [uid, gid = uid] = (user ?? '0:0').split(':').map(Number);
  return [uid, gid];
}

/**
 * True when it is new.
 * @throws StackError when another stack has a volume of that name
 */
async function ensureVolume({ docker, project, stack }: DockerSession, volume: string): Promise<boolean> {
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

async function put(
  { docker, project, stack }: DockerSession,
  image: string,
  { volume, target }: Mount,
  entries: readonly Entry[],
): Promise<void> {
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
    // Into the folder above: of the one that it is unpacked into, the engine doesn't change the owner.
    const tar = archive(path.posix.basename(target), entries);
    await container.putArchive(tar as unknown as NodeJS.ReadableStream, { path: path.posix.dirname(target) });
  } finally {
    await container.remove({ force: true });
  }
}

function archive(folder: string, entries: readonly Entry[]): Pack {
  const tar = pack();
  for (const { content = '', directory, name, ...header } of entries)
    if (directory) tar.entry({ ...header, name: path.posix.join(folder, name), type: 'directory' });
    else tar.entry({ ...header, name: path.posix.join(folder, name) }, content);
  tar.finalize();
  return tar;
}

/** Deletes every volume of the stack. */
export async function removeVolumes(docker: Docker, stack: string): Promise<string[]> {
  const { Volumes } = await docker.listVolumes({ filters: { label: [`${LABELS.stack}=${stack}`] } });
  for (const { Name } of Volumes) await docker.getVolume(Name).remove();
  return Volumes.map(({ Name }) => Name);
}
