import { rmSync } from 'node:fs';
import * as path from 'node:path';
import type { ExecutorContext, TaskGraph } from '@nx/devkit';
import { writeIfChanged } from '@stack/runtime';
import type { CloudSession } from '@stack/terraform';
import { type BatchItem, inGraphOrder } from '../batch';
import { cloud } from '../cloud';

/** Writes each unit's Terraform files, for every environment, to `dist/<folder>/terraform/<environment>/main.tf.json`. */
export default async function* synthBatch(
  graph: TaskGraph,
  _inputs: Record<string, object>,
  _overrides: object,
  context: ExecutorContext,
): AsyncGenerator<BatchItem> {
  let session: CloudSession | undefined;
  yield* inGraphOrder(graph, false, async (project) => {
    session ??= cloud().CloudSession.open(context.root);
    const folder = path.join(context.root, 'dist', session.loader.folder(project).root, 'terraform');
    rmSync(folder, { recursive: true, force: true });
    let resources = 0;
    for (const environment of Object.values(session.environments())) {
      const synth = session.synthesise(project, environment);
      if (!synth) return 'has nothing in AWS';
      const file = path.join(folder, environment.name, 'main.tf.json');
      writeIfChanged(file, `${JSON.stringify(synth.terraform, null, 2)}\n`);
      resources = Object.values(synth.terraform.resource ?? {}).reduce<number>(
        (sum, named) => sum + Object.keys(named as object).length,
        0,
      );
    }
    return `${resources} resources`;
  });
}
