import * as path from 'node:path';
import { StackError } from '@stack/model';
import {
  type StackPaths,
  baseEnvironment,
  readEntry,
  runInContainer,
  stackPaths,
  unitEnvironment,
} from '@stack/runtime';
import { execa } from 'execa';
import { Dagster } from './dagster';
import { readersServe } from './readers';

/** `stack rollback`: readers, PostgreSQL too, get the snapshot before the one that they have; the warehouse stays as it is. */
export async function rollback(): Promise<void> {
  const stack = stackPaths();
  const { url, runtime } = readEntry(stack, 'orchestration') ?? {};
  const command = ['-m', 'stack_pipeline.publish.rollback'];
  const result = await (runtime === 'docker'
    ? runInContainer(stack, 'orchestration-daemon', ['python3', ...command])
    : runHere(stack, command));
  if (result.exitCode !== 0) {
    // What it waited for, it said before.
    const said = result.stderr.trim().replace(/^(….*\n)+/, '');
    const [message, remedy] = said.split('\n→ ');
    throw new StackError('NO_ROLLBACK', message || 'rollback failed', remedy);
  }
  const snapshot = result.stdout.trim();
  console.log(`✔ back to snapshot ${snapshot}; the next run of the pipeline publishes anew`);
  await readersServe(stack, snapshot);
  if (url) await new Dagster(url).launch('sinks', {});
}

async function runHere(
  stack: StackPaths,
  command: readonly string[],
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const { root, env } = unitEnvironment(stack, 'orchestration');
  const running = execa('python', command, {
    cwd: path.join(stack.workspace, root),
    env: { ...baseEnvironment(stack.workspace), ...env },
    reject: false,
  });
  running.stderr.on('data', (chunk: Buffer) => {
    if (chunk.toString().startsWith('…')) process.stderr.write(chunk);
  });
  const { exitCode = 1, stdout, stderr } = await running;
  return { exitCode, stdout, stderr };
}
