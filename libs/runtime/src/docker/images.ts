/** Images: there, or pulled with progress. */
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import * as path from 'node:path';
import { StackError, isOwnImage } from '@stack/model';
import type Docker from 'dockerode';
import { readJson } from '../files';
import { orNothing, saidBy } from './engine';

/** Digests of the images that definitions name, written by `make images-lock`. */
export const lockFile = (workspace: string): string => path.join(workspace, 'docker', 'images.lock.json');

/**
 * The image that is run for the one that a definition names: what STACK_IMAGES says, then the locked digest, then the name itself.
 */
export function imageFor(workspace: string, image: string, env: NodeJS.ProcessEnv = process.env): string {
  const locked = readJson<Record<string, string>>(lockFile(workspace));
  return mirrored(workspace, image, env) ?? locked?.[image] ?? image;
}

/**
 * What STACK_IMAGES (a JSON file, for a registry of one's own or for tests) has in the image's place.
 * @throws StackError when there is no such file
 */
export function mirrored(
  workspace: string,
  image: string,
  env: NodeJS.ProcessEnv = process.env,
): string | undefined {
  const file = env.STACK_IMAGES;
  if (!file) return undefined;
  const absolute = path.resolve(workspace, file);
  if (!existsSync(absolute))
    throw new StackError(
      'NO_FILE',
      `STACK_IMAGES=${file}: there is no such file`,
      'give a JSON file: image → image',
    );
  return (JSON.parse(readFileSync(absolute, 'utf8')) as Record<string, string>)[image];
}

/**
 * Makes sure that the engine has the image; returns its id.
 * @throws StackError when it can't be pulled, or is one of ours that isn't built
 */
export async function ensureImage(
  docker: Docker,
  image: string,
  say: (message: string) => void,
): Promise<string> {
  const found = await orNothing(docker.getImage(image).inspect());
  if (found) return found.Id;
  if (isOwnImage(image))
    throw new StackError(
      'NO_IMAGE',
      `the image ${image} isn't built`,
      `npx nx image ${image.slice('stack/'.length).split(':')[0]}`,
    );
  say(`pulling ${image}`);
  try {
    const stream = await docker.pull(image);
    await follow(docker, stream, image, say);
  } catch (error) {
    throw await notPulled(docker, image, saidBy(error));
  }
  return (await docker.getImage(image).inspect()).Id;
}

interface PullEvent {
  readonly id?: string;
  readonly error?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

function follow(
  docker: Docker,
  stream: NodeJS.ReadableStream,
  image: string,
  say: (message: string) => void,
): Promise<void> {
  const layers = new Map<string, { current: number; total: number }>();
  let spoke = Date.now();
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(
      stream,
      (error: Error | null, events: PullEvent[]) => {
        const failure = error?.message ?? (events ?? []).find((event) => event.error)?.error;
        if (failure) reject(new Error(failure));
        else resolve();
      },
      ({ id, progressDetail }: PullEvent) => {
        if (id && progressDetail?.total)
          layers.set(id, { current: progressDetail.current ?? 0, total: progressDetail.total });
        if (Date.now() - spoke < 2_000 || layers.size === 0) return;
        spoke = Date.now();
        const sum = (field: 'current' | 'total') =>
          [...layers.values()].reduce((all, layer) => all + layer[field], 0) / 1e6;
        say(`pulling ${image}: ${sum('current').toFixed(0)} of ${sum('total').toFixed(0)} MB`);
      },
    );
  });
}

async function notPulled(docker: Docker, image: string, reason: string): Promise<StackError> {
  const full = await diskFull(docker, `the image ${image} can't be pulled`, reason);
  if (full) return full;
  const away = /no such host|timeout|refused|unreachable|server misbehaving|TLS|i\/o/i.test(reason);
  return new StackError(
    'NO_IMAGE',
    `the image ${image} can't be pulled: ${away ? "its registry can't be reached" : reason}`,
    away
      ? `on a machine that reaches it: docker pull ${image} && docker save ${image} -o image.tar; here: docker load -i image.tar`
      : `docker pull ${image} shows it too; a registry of your own: STACK_IMAGES=<file.json>`,
    [reason],
  );
}

/**
 * The error for a user when the engine has said that its disk is full; else undefined.
 * @param what isn't possible, e.g. "the image … can't be pulled"
 */
export async function diskFull(docker: Docker, what: string, said: string): Promise<StackError | undefined> {
  if (!/no space left|disk quota exceeded/i.test(said)) return undefined;
  const { DockerRootDir: folder } = (await docker.info()) as { DockerRootDir: string };
  return new StackError(
    'DISK_FULL',
    `${what}: the disk of the Docker engine is full (${folder}${freeAt(docker, folder)})`,
    'make room: docker system df shows what takes it, docker system prune deletes what nothing uses; then the same command again',
    [said],
  );
}

/** By then the engine has deleted what it had of the image. The disk of one in a virtual machine or elsewhere isn't seen. */
function freeAt(docker: Docker, folder: string): string {
  const { socketPath } = docker.modem as { socketPath?: string };
  if (!socketPath || !existsSync(folder)) return '';
  const { bavail, bsize } = statfsSync(folder);
  return `; without this image ${((bavail * bsize) / 1e6).toFixed(0)} MB are free`;
}
