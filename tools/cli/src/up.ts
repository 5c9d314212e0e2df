import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { StackError, profilesIn } from '@stack/model';
import {
  asStackError,
  deployIn,
  openEngine,
  readRegistry,
  refuseElsewhere,
  stackPaths,
  stackStatus,
} from '@stack/runtime';
import { nx } from './nx';
import { runPipeline } from './pipeline';
import { printStatus } from './status';

/** `stack up`: deploys every unit through Nx, runs the pipeline, and shows where to look. */
export async function up(options: { pipeline: boolean; runtime: string }): Promise<void> {
  if (options.runtime !== 'native' && options.runtime !== 'docker')
    throw new StackError(
      'BAD_ARGUMENT',
      `there is no runtime ${options.runtime} on this machine`,
      'RUNTIME=native (the default) or RUNTIME=docker; AWS is make deploy-prod',
    );
  const stack = stackPaths();
  const { PROFILES: profiles = '' } = process.env;
  // Before anything is built.
  profilesIn(profiles);
  refuseElsewhere(stack, options.runtime);
  if (options.runtime === 'docker') await openEngine();
  const started = Date.now();
  const folder = mkdtempSync(path.join(tmpdir(), 'stack-up-'));
  const changes = path.join(folder, 'changes');
  const deployed = await nx(stack.workspace, 'deploy', ['-c', options.runtime], { STACK_CHANGES: changes });
  const unchanged = !existsSync(changes);
  rmSync(folder, { recursive: true });
  if (!deployed) {
    printStatus(await stackStatus(stack));
    throw new StackError(
      'DEPLOY_FAILED',
      'not everything is up; what failed is named above',
      `mend it, then ${deployIn(options.runtime)}${profiles && ` PROFILES=${profiles}`} goes on where this one ended`,
    );
  }
  if (unchanged)
    console.log(`✔ nothing to change: all ${readRegistry(stack).length} units are already as wanted`);
  const failure: unknown = options.pipeline && (await runPipeline({}).then(() => undefined, asStackError));
  printStatus(await stackStatus(stack));
  if (failure) throw failure;
  console.log(`\n✔ ${stack.name} is up after ${((Date.now() - started) / 1_000).toFixed(0)} s`);
}
