import type { TaskGraph } from '@nx/devkit';
import { StackError } from '@stack/model';
import { Loader, findWorkspace } from '@stack/runtime';
import { thisPlatform } from '../../images/platform';
import { type BatchItem, inGraphOrder } from '../batch';
import { buildOwn } from '../../images/own';

export interface ImageOptions {
  /** Default: IMAGE_PLATFORM, else this machine's. */
  readonly platform?: string;
}

/** Builds the images of the batch. */
export default async function* imageBatch(
  graph: TaskGraph,
  inputs: Record<string, ImageOptions>,
): AsyncGenerator<BatchItem> {
  const loader = new Loader(findWorkspace());
  yield* inGraphOrder(graph, false, async (project, say, id) => {
    const built = await buildOwn(loader, project, thisPlatform(inputs[id].platform), say);
    if (!built)
      throw new StackError(
        'NO_BUILD',
        `${loader.folder(project).file}: docker.build: is missing`,
        "say what it is built from: { from: 'node' }",
      );
    return `${built.image} ${built.built ? 'built' : 'unchanged'}`;
  });
}
