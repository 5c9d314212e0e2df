/** Builds an image of ours, unless the engine has one of the same content. */
import { rmSync } from 'node:fs';
import * as path from 'node:path';
import type { ProjectGraph } from '@nx/devkit';
import { StackError } from '@stack/model';
import { LABELS, diskFull, orNothing, saidBy, statusOf } from '@stack/runtime';
import type Docker from 'dockerode';
import * as tarFs from 'tar-fs';
import type { ImageParts, Say } from './context';
import type { Platform } from './platform';
import { type Recipe, recipeOf } from './recipe';

export interface Built {
  readonly image: string;
  /** False when the engine had it already. */
  readonly built: boolean;
  /** Ids of the images that had its name, and that of its packages, before. */
  readonly replaced: readonly string[];
}

/** @throws StackError with the end of the build's output */
export function buildImage(docker: Docker, parts: ImageParts, graph: ProjectGraph, say: Say): Promise<Built> {
  const folder = path.join(parts.workspace, 'dist', parts.root, 'image');
  return buildRecipe(docker, recipeOf(parts, graph), parts.platforms[0], folder, say);
}

async function buildRecipe(
  docker: Docker,
  { image, content, args, from, layOut }: Recipe,
  platform: Platform,
  folder: string,
  say: Say,
): Promise<Built> {
  const found = await orNothing(docker.getImage(image).inspect());
  if (found?.Config.Labels?.[LABELS.content] === content) return { image, built: false, replaced: [] };
  const before = from && (await buildRecipe(docker, from, platform, folder, say));
  rmSync(folder, { recursive: true, force: true });
  await layOut(folder, say);
  say(`building ${image}`);
  const stream = await docker.buildImage(
    // Given the folder, dockerode would compress it, which takes longer than all the rest.
    tarFs.pack(folder),
    {
      t: image,
      platform: platform.name,
      // BuildKit knows these two by itself.
      buildargs: {
        ...args,
        TARGETARCH: platform.arch,
        BUILDPLATFORM: `linux/${(await docker.version()).Arch}`,
      },
      forcerm: true,
    },
  );
  await followBuild(docker, stream, image, say);
  rmSync(folder, { recursive: true, force: true });
  // An image goes before the one that it began with.
  return { image, built: true, replaced: [...(found ? [found.Id] : []), ...(before?.replaced ?? [])] };
}

/** Deletes an image that nothing has any more; where another stack's container still runs it, it stays. */
export async function forget(docker: Docker, id: string): Promise<void> {
  await docker
    .getImage(id)
    .remove()
    .catch((error: unknown) => {
      if (![404, 409].includes(statusOf(error) ?? 0)) throw error;
    });
}

/** Milliseconds between two words on how far a build is. */
const EVERY = 2_000;

interface BuildEvent {
  readonly stream?: string;
  readonly error?: string;
}

function followBuild(docker: Docker, stream: NodeJS.ReadableStream, image: string, say: Say): Promise<void> {
  let spoke = Date.now();
  const progress = ({ stream: line }: BuildEvent) => {
    const step = /^Step (\d+)\/(\d+)/.exec(line ?? '');
    if (!step || Date.now() - spoke < EVERY) return;
    spoke = Date.now();
    say(`building ${image}: step ${step[1]} of ${step[2]}`);
  };
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(
      stream,
      (error: Error | null, events: BuildEvent[]) => {
        const failure = error ? saidBy(error) : (events ?? []).find((event) => event.error)?.error;
        if (!failure) return resolve();
        const lines = (events ?? [])
          .flatMap((event) => event.stream?.split('\n') ?? [])
          .filter((line) => line.trim());
        const notBuilt = () =>
          new StackError(
            'NOT_BUILT',
            `${image} can't be built: ${failure}`,
            /pull|registry|manifest|no such host|timeout/i.test(failure)
              ? 'the base image comes from a registry: give another with IMAGE_BASE_NODE, IMAGE_BASE_PYTHON'
              : undefined,
            lines.slice(-20),
          );
        diskFull(docker, `${image} can't be built`, failure).then(
          (full) => reject(full ?? notBuilt()),
          reject,
        );
      },
      progress,
    );
  });
}
