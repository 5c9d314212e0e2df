import { StackError } from '@stack/model';
import { type StackStatus, asStackError, readRegistry, stackPaths, stackStatus } from '@stack/runtime';
import { execa } from 'execa';
import { runPipeline } from './pipeline';
import { printStatus } from './status';

/** `stack up`: deploys every unit through Nx, runs the pipeline, and shows where to look. */
export async function up(options: { pipeline: boolean }): Promise<void> {
  const stack = stackPaths();
  const started = Date.now();
  const before = await fingerprint();
  const deploy = await execa('npx', ['nx', 'run-many', '-t', 'deploy', '--outputStyle=stream'], {
    cwd: stack.workspace,
    stdio: 'inherit',
    reject: false,
  });
  if (deploy.failed) {
    printStatus(await stackStatus(stack));
    throw new StackError(
      'DEPLOY_FAILED',
      'not everything is up; what failed is named above, the rest runs',
      'mend it, then make deploy-local goes on where this one ended',
    );
  }
  const unchanged = before === (await fingerprint());
  if (unchanged)
    console.log(`✔ nothing to change: all ${readRegistry(stack).length} units are already as wanted`);
  const failure: unknown = options.pipeline && (await runPipeline({}).then(() => undefined, asStackError));
  printStatus(await stackStatus(stack));
  if (failure) throw failure;
  console.log(`\n✔ ${stack.name} is up after ${((Date.now() - started) / 1_000).toFixed(0)} s`);
}

/** What is deployed and which processes run it, as text. */
async function fingerprint(): Promise<string> {
  const status: StackStatus = await stackStatus(stackPaths());
  const hashes = readRegistry(stackPaths()).map(({ unit, hash }) => [unit, hash]);
  return JSON.stringify([hashes, status.units.map(({ name, pids }) => [name, pids])]);
}
