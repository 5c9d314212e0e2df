import * as path from 'node:path';
import { StackError } from '@stack/model';
import { baseEnvironment, readEntry, stackPaths, unitEnvironment } from '@stack/runtime';
import { execa } from 'execa';
import { Dagster } from './dagster';
import { holding } from './exec';
import { readersServe } from './readers';

/** `stack rollback`: readers, PostgreSQL too, get the snapshot before the one that they have; the warehouse stays as it is. */
export async function rollback(): Promise<void> {
  const stack = stackPaths();
  const { root, env } = unitEnvironment(stack, 'orchestration');
  const result = await holding('warehouse', 'rollback', () =>
    execa('python', ['-m', 'stack_pipeline.publish.rollback'], {
      cwd: path.join(stack.workspace, root),
      env: { ...baseEnvironment(stack.workspace), ...env },
      reject: false,
    }),
  );
  if (result.failed) {
    const [message, remedy] = result.stderr.trim().split('\n→ ');
    throw new StackError('NO_ROLLBACK', message || (result.shortMessage ?? 'rollback failed'), remedy);
  }
  const snapshot = result.stdout.trim();
  console.log(`✔ back to snapshot ${snapshot}; the next run of the pipeline publishes anew`);
  await readersServe(stack, snapshot);
  const { url } = readEntry(stack, 'orchestration') ?? {};
  if (url) await new Dagster(url).launch('sinks', {});
}
