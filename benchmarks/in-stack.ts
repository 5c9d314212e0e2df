/** A Python benchmark of benchmarks/pipeline/, named by the first argument, in the environment of this stack's Dagster. */
import * as path from 'node:path';
import { findWorkspace, readEntry, stackPaths } from '@stack/runtime';
import { execa } from 'execa';

async function main([name, ...args]: readonly string[]): Promise<void> {
  const workspace = findWorkspace();
  const { url } = readEntry(stackPaths(), 'orchestration') ?? {};
  const bench = path.join(workspace, 'benchmarks', 'pipeline', `${name}.py`);
  const stack = path.join(workspace, 'tools', 'cli', 'bin', 'stack.cjs');
  const { exitCode } = await execa(
    process.execPath,
    [stack, 'exec', 'orchestration', '--', 'python', bench, '--url', url ?? '', ...args],
    { stdio: 'inherit', reject: false },
  );
  process.exitCode = exitCode ?? 1;
}

void main(process.argv.slice(2));
