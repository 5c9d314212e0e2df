/** Deploy and destroy in Docker: one session for all tasks of a batch. */
import { type TaskGraph, readCachedProjectGraph } from '@nx/devkit';
import { StackError, checkStack } from '@stack/model';
import {
  type Deployed,
  type DockerSession,
  type Loader,
  deployInDocker,
  openDockerSession,
  unknownPortVariables,
} from '@stack/runtime';
import { buildImage } from '../images/build';
import { type Platform, thisPlatform } from '../images/platform';
import { type BatchItem, type Say, inGraphOrder } from './batch';
import { type DeployOptions, tellChange } from './in-session';

export async function* inDocker(
  graph: TaskGraph,
  inputs: Record<string, DeployOptions>,
  work: (session: DockerSession, project: string, say: Say) => Promise<Deployed>,
): AsyncGenerator<BatchItem> {
  let session: Promise<DockerSession> | undefined;
  const verbose = Object.values(inputs).some((options) => options.verbose);
  try {
    yield* inGraphOrder(graph, verbose, async (project, say) => {
      const first = session === undefined;
      session ??= open(say);
      const opened = await session.catch((error: unknown) => {
        throw first ? error : new StackError('NO_SESSION', 'not begun, for the reason above');
      });
      const deployed = await work(opened, project, say);
      tellChange(deployed, project);
      return deployed.summary;
    });
  } finally {
    await session?.then((opened) => opened.close()).catch(() => undefined);
  }
}

async function open(say: Say): Promise<DockerSession> {
  const session = await openDockerSession(say);
  try {
    const units = session.loader.all();
    checkStack(units);
    unknownPortVariables(units, process.env).forEach(say);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** Builds the unit's image if it is one of ours, then brings its containers to their wanted state. */
export async function buildAndDeploy(session: DockerSession, project: string, say: Say): Promise<Deployed> {
  await buildOwn(session.loader, project, thisPlatform(), say);
  return deployInDocker(session, project, say);
}

/** Builds the unit's image, if it is one of ours and isn't that of the checkout. */
export async function buildOwn(loader: Loader, project: string, platform: Platform, say: Say): Promise<void> {
  const service = loader.unit(project);
  if (service.kind !== 'service' || !service.docker?.build) return;
  const { root } = loader.folder(project);
  await buildImage({ workspace: loader.workspace, root, service, platform }, readCachedProjectGraph(), say);
}
