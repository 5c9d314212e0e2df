/** Builds an image of ours, unless the engine has one of the same content. */
import { readdirSync, rmSync } from 'node:fs';
import * as path from 'node:path';
import type { ProjectGraph } from '@nx/devkit';
import { StackError } from '@stack/model';
import { LABELS, orNothing, saidBy, statusOf } from '@stack/runtime';
import type Docker from 'dockerode';
import { type ImageParts, type Say, contentOf, layOut } from './context';

/** Base images: IMAGE_BASE_NODE and IMAGE_BASE_PYTHON, else what the Dockerfile names. */
function baseArguments(from: 'node' | 'python', env: NodeJS.ProcessEnv): Record<string, string> {
  const { IMAGE_BASE_NODE: node, IMAGE_BASE_PYTHON: python } = env;
  return from === 'node'
    ? { ...(node && { BASE: node }) }
    : { ...(python && { BASE: python }), ...(node && { NODE: node }) };
}

/** Build arguments, whoever builds it. */
export function argumentsOf(parts: ImageParts): Record<string, string> {
  const { service, build } = parts;
  const bases = baseArguments(build.from, process.env);
  return {
    ...bases,
    TITLE: service.name,
    DESCRIPTION: service.summary,
    CONTENT: contentOf(parts, Object.values(bases)),
  };
}

export interface Built {
  readonly image: string;
  /** False when the engine had it already. */
  readonly built: boolean;
  /** Id of the image that had its name before. */
  readonly replaced?: string;
}

/** @throws StackError with the end of the build's output */
export async function buildImage(
  docker: Docker,
  parts: ImageParts,
  graph: ProjectGraph,
  say: Say,
): Promise<Built> {
  const { workspace, service, root } = parts;
  const [platform] = parts.platforms;
  const image = service.docker?.image ?? '';
  const buildargs = argumentsOf(parts);
  const { CONTENT: content } = buildargs;
  const found = await orNothing(docker.getImage(image).inspect());
  if (found?.Config.Labels?.[LABELS.content] === content) return { image, built: false };
  const folder = path.join(workspace, 'dist', root, 'image');
  await layOut(parts, graph, folder, say);
  say(`building ${image}`);
  const stream = await docker.buildImage(
    { context: folder, src: readdirSync(folder) },
    {
      t: image,
      platform: platform.name,
      // BuildKit knows these two by itself.
      buildargs: {
        ...buildargs,
        TARGETARCH: platform.arch,
        BUILDPLATFORM: `linux/${(await docker.version()).Arch}`,
      },
      forcerm: true,
    },
  );
  await followBuild(docker, stream, image);
  rmSync(folder, { recursive: true, force: true });
  return { image, built: true, replaced: found?.Id };
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

interface BuildEvent {
  readonly stream?: string;
  readonly error?: string;
}

function followBuild(docker: Docker, stream: NodeJS.ReadableStream, image: string): Promise<void> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(stream, (error: Error | null, events: BuildEvent[]) => {
      const failure = error ? saidBy(error) : (events ?? []).find((event) => event.error)?.error;
      if (!failure) return resolve();
      const lines = (events ?? [])
        .flatMap((event) => event.stream?.split('\n') ?? [])
        .filter((line) => line.trim());
      reject(
        new StackError(
          'NOT_BUILT',
          `${image} can't be built: ${failure}`,
          /pull|registry|manifest|no such host|timeout/i.test(failure)
            ? 'the base image comes from a registry: give another with IMAGE_BASE_NODE, IMAGE_BASE_PYTHON'
            : undefined,
          lines.slice(-20),
        ),
      );
    });
  });
}
