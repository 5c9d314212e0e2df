/** Builds an image of ours, unless the engine has one of the same content. */
import { cpSync, readdirSync, rmSync } from 'node:fs';
import * as path from 'node:path';
import type { ProjectGraph } from '@nx/devkit';
import { StackError } from '@stack/model';
import { LABELS, openEngine, orNothing, saidBy } from '@stack/runtime';
import type Docker from 'dockerode';
import { type ImageParts, type Say, contentOf, dockerfileOf, layOut } from './context';

/** Base images: IMAGE_BASE_NODE and IMAGE_BASE_PYTHON, else what the Dockerfile names. */
function baseArguments(from: 'node' | 'python', env: NodeJS.ProcessEnv): Record<string, string> {
  const { IMAGE_BASE_NODE: node, IMAGE_BASE_PYTHON: python } = env;
  return from === 'node'
    ? { ...(node && { BASE: node }) }
    : { ...(python && { BASE: python }), ...(node && { NODE: node }) };
}

/** @returns whether it was built, and its name */
export async function buildImage(
  parts: ImageParts,
  graph: ProjectGraph,
  say: Say,
): Promise<{ image: string; built: boolean }> {
  const { workspace, service, platform, root } = parts;
  const docker = await openEngine();
  const from = service.docker?.build?.from ?? 'node';
  const bases = baseArguments(from, process.env);
  const content = contentOf(parts, Object.values(bases));
  const image = service.docker?.image as string;
  const found = await orNothing(docker.getImage(image).inspect());
  if (found?.Config.Labels?.[LABELS.content] === content) return { image, built: false };
  const folder = path.join(workspace, 'dist', root, 'image');
  await layOut(parts, graph, folder, say);
  cpSync(dockerfileOf(workspace, service), path.join(folder, 'Dockerfile'));
  say(`building ${image}`);
  const stream = await docker.buildImage(
    { context: folder, src: readdirSync(folder) },
    {
      t: image,
      platform: platform.name,
      buildargs: { ...bases, TITLE: service.name, DESCRIPTION: service.summary, CONTENT: content },
      forcerm: true,
    },
  );
  await followBuild(docker, stream, image);
  rmSync(folder, { recursive: true, force: true });
  return { image, built: true };
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
