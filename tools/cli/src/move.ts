import { StackError } from '@stack/model';
import {
  type Moved,
  type Runtime,
  type StackPaths,
  WHERE,
  asStackError,
  checkMove,
  deployIn,
  forStack,
  moveCommand,
  moveStack,
  readEntry,
  saidBy,
  stackPaths,
  stackStatus,
} from '@stack/runtime';
import { Dagster } from './dagster';
import { nx } from './nx';
import { printStatus } from './status';

/** Milliseconds between two looks at what the pipeline does. */
const POLL = 2_000;

/** `stack move`: carries the stack's data to the other runtime and deploys it there, without running the pipeline. */
export async function move(options: { from: string; to: string; force?: boolean }): Promise<void> {
  const [from, to] = [runtimeOf(options.from), runtimeOf(options.to)];
  if (from === to)
    throw new StackError('BAD_ARGUMENT', `FROM and TO are both ${to}`, moveCommand('native', 'docker'));
  const stack = stackPaths();
  const started = Date.now();
  const say = (message: string) => console.log(`  ${message.startsWith('✔') ? message : `… ${message}`}`);
  const wanted = { from, to, force: options.force ?? false };
  await checkMove(stack, wanted, say);
  // So that the stack is away for as short a time as can be.
  if (to === 'docker' && !(await nx(stack.workspace, 'image')))
    throw new StackError('NOT_BUILT', 'not every image is built', 'mend it; nothing was stopped or moved');
  await noRuns(stack);
  const moved = await moveStack(stack, wanted, say).catch((error: unknown) => {
    throw interrupted(error, from, to);
  });
  console.log(
    `✔ moved ${moved.files} files and folders, ${moved.relations} tables, sequences and roles, and compared them`,
  );
  const deployed = await nx(stack.workspace, 'deploy', ['-c', to]);
  printStatus(await stackStatus(stack));
  if (!deployed)
    throw new StackError(
      'DEPLOY_FAILED',
      `all data is ${WHERE[to]}, but not everything is up; what failed is named above`,
      `mend it, then ${deployIn(to)} goes on where this one ended`,
    );
  tell(moved, from);
  console.log(`\n✔ ${stack.name} is ${WHERE[to]} after ${((Date.now() - started) / 1_000).toFixed(0)} s`);
}

function runtimeOf(name: string): Runtime {
  if (name === 'native' || name === 'docker') return name;
  throw new StackError('BAD_ARGUMENT', `there is no runtime ${name} to move from or to`, 'native, or docker');
}

/** Waits until no run of the pipeline is at work: it would be ended in its middle. */
async function noRuns(stack: StackPaths): Promise<void> {
  const { url } = readEntry(stack, 'orchestration') ?? {};
  if (!url) return;
  for (const dagster = new Dagster(url); ;) {
    // Without Dagster none is at work.
    const [run] = await dagster.unended().catch(() => []);
    if (!run) return;
    console.log(`  … the run ${url}/runs/${run.runId} (${run.jobName}) is at work: waiting for it`);
    await new Promise((done) => setTimeout(done, POLL));
  }
}

/** The error, with what to do as the data is still where it was. */
function interrupted(caught: unknown, from: Runtime, to: Runtime): StackError {
  const error = asStackError(caught);
  const { code, message, remedy, details } =
    error instanceof StackError ? error : new StackError('MOVE_FAILED', `the move failed: ${saidBy(error)}`);
  const next = `nothing is lost: ${deployIn(from)} goes on ${WHERE[from]}, ${moveCommand(from, to)} tries again`;
  return new StackError(code, message, remedy ? `${remedy}\n→ ${next}` : next, details);
}

function tell({ kept, staying }: Moved, from: Runtime): void {
  console.log(
    `\nWhat was ${WHERE[from]} is kept there (${(kept.bytes / 1e6).toFixed(0)} MB), and isn't used any more.`,
  );
  console.log(`→ to delete it: ${kept.deletion}`);
  if (staying.length > 0)
    console.log(`These stay in Docker, since their services are only there: ${staying.join(', ')}`);
  console.log(forStack(`→ ${moveCommand(from === 'native' ? 'docker' : 'native', from)} brings it back`));
}
