/** Images of ours, built when a deploy or somebody asks for them. */
import { readCachedProjectGraph } from '@nx/devkit';
import { type Deployed, type DockerSession, type Loader, deployInDocker, openEngine } from '@stack/runtime';
import { type Built, buildImage, forget } from './build';
import type { ImageParts } from './context';
import { type Platform, thisPlatform } from './platform';
import type { Say } from '../executors/batch';

/** Builds the unit's image if it is one of ours, then brings its containers to their wanted state. */
export async function buildAndDeploy(session: DockerSession, project: string, say: Say): Promise<Deployed> {
  const built = await buildOwn(session.loader, project, thisPlatform(), say, session.docker);
  const deployed = await deployInDocker(session, project, say);
  for (const id of built?.replaced ?? []) await forget(session.docker, id);
  return deployed;
}

/** Builds the unit's image, if it is one of ours and isn't that of the checkout. */
export async function buildOwn(
  loader: Loader,
  project: string,
  platform: Platform,
  say: Say,
  docker?: DockerSession['docker'],
): Promise<Built | undefined> {
  const parts = partsOf(loader, project, [platform]);
  if (!parts) return undefined;
  return buildImage(docker ?? (await openEngine()), parts, readCachedProjectGraph(), say);
}

/** What the unit's image is made of; undefined if it is none of ours. */
export function partsOf(
  loader: Loader,
  project: string,
  platforms: readonly Platform[],
): ImageParts | undefined {
  const service = loader.unit(project);
  const build = service.kind === 'service' ? service.docker?.build : undefined;
  if (service.kind !== 'service' || !build) return undefined;
  return { workspace: loader.workspace, root: loader.folder(project).root, service, build, platforms };
}
