/** The executor for one task in terms of the one for many, so that both do the same. */
import type { ExecutorContext, TaskGraph } from '@nx/devkit';
import type { BatchItem } from './batch';

type Batch<T> = (
  graph: TaskGraph,
  inputs: Record<string, T>,
  overrides: T,
  context: ExecutorContext,
) => AsyncGenerator<BatchItem>;

export const single =
  <T>(batch: Batch<T>) =>
  async (options: T, context: ExecutorContext): Promise<{ success: boolean }> => {
    const target = {
      project: context.projectName ?? '',
      target: context.targetName ?? '',
      configuration: context.configurationName,
    };
    const id = `${target.project}:${target.target}`;
    const graph: TaskGraph = {
      roots: [id],
      tasks: { [id]: { id, target, overrides: {}, outputs: [], parallelism: true, cache: false } },
      dependencies: { [id]: [] },
      continuousDependencies: { [id]: [] },
    };
    let success = true;
    for await (const { result } of batch(graph, { [id]: options }, options, context))
      success &&= result.success;
    return { success };
  };
