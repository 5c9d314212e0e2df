import * as path from 'node:path';
import type { ExecutorContext, TaskGraph } from '@nx/devkit';
import { type Unit, dependenciesOf } from '@stack/model';
import { Loader, writeIfChanged } from '@stack/runtime';
import { type BatchItem, inGraphOrder } from '../batch';

export interface DefinitionOptions {
  readonly outputPath: string;
}

/** Loads each definition, which checks it, and writes it out as data: what it has and what it refers to. */
export default async function* definitionBatch(
  graph: TaskGraph,
  inputs: Record<string, DefinitionOptions>,
  _overrides: DefinitionOptions,
  context: ExecutorContext,
): AsyncGenerator<BatchItem> {
  const loader = new Loader(context.root);
  yield* inGraphOrder(graph, false, async (project, _say, id) => {
    const unit = loader.unit(project);
    const file = path.join(context.root, inputs[id].outputPath, 'unit.json');
    writeIfChanged(file, `${JSON.stringify(asData(unit, loader.folder(project).layer), null, 2)}\n`);
    return 'definition is valid';
  });
}

/** The definition without its functions; other units by name. */
function asData(unit: Unit, layer: string): object {
  const { uses: _uses, native: _native, file: _file, ...rest } = unit;
  const data = Object.fromEntries(Object.entries(rest).filter(([, value]) => typeof value !== 'function'));
  return { ...data, layer, dependsOn: dependenciesOf(unit) };
}
