/** Images of ours, built when a deploy or somebody asks for them. */
import { readCachedProjectGraph } from '@nx/devkit';
import { type Deployed, type DockerSession, type Loader, deployInDocker, openEngine } from '@stack/runtime';
import { type Built, buildImage, forget } from './build';
import { type Platform, thisPlatform } from './platform';
import type { Say } from '../executors/batch';

/** Builds the unit's image if it is one of ours, then brings its containers to their wanted state. */
export async function buildAndDeploy(session: DockerSession, project: string, say: Say): Promise<Deployed> {
  const built = await buildOwn(session.loader, project, thisPlatform(), say, session.docker);
  const deployed = await deployInDocker(session, project, say);
  if (built?.replaced) await forget(session.docker, built.replaced);
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
  const service = loader.unit(project);
  const build = service.kind === 'service' ? service.docker?.build : undefined;
  if (service.kind !== 'service' || !build) return undefined;
  const { root } = loader.folder(project);
  const parts = { workspace: loader.workspace, root, service, build, platform };
  return buildImage(docker ?? (await openEngine()), parts, readCachedProjectGraph(), say);
}
