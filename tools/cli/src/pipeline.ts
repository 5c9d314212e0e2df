import { StackError } from '@stack/model';
import { readEntry, stackPaths } from '@stack/runtime';

/** `stack pipeline`. */
export async function pipeline(options: { force?: boolean }): Promise<void> {
  await runPipeline({ force: options.force ?? false });
}

export async function runPipeline(_options: { force: boolean }): Promise<void> {
  const stack = stackPaths();
  const dagster = readEntry(stack, 'orchestration');
  if (!dagster?.url)
    throw new StackError(
      'NOT_DEPLOYED',
      "Dagster isn't deployed, so there is nothing to run the pipeline",
      'make deploy-local',
    );
}
