import { existsSync, rmSync } from 'node:fs';
import * as readline from 'node:readline/promises';
import { StackError } from '@stack/model';
import { stackPaths, stopStack } from '@stack/runtime';

/** `stack down`: ends every process of the stack; fine when none runs. */
export async function down(): Promise<void> {
  const stack = stackPaths();
  const stopped = await stopStack(stack);
  console.log(
    stopped.length > 0
      ? `✔ stopped ${stopped.join(', ')}; the data stays (make reset deletes it)`
      : `The stack ${stack.name} isn't running.`,
  );
}

/** `stack reset`: `down`, then the stack's whole folder is deleted. */
export async function reset(options: { yes?: boolean }): Promise<void> {
  const stack = stackPaths();
  if (!existsSync(stack.dir)) {
    console.log(`The stack ${stack.name} has no data.`);
    return;
  }
  if (!options.yes && !(await agrees(`Delete all data of the stack ${stack.name} (${stack.dir})? [y/N] `))) {
    console.log('Nothing was deleted.');
    return;
  }
  await stopStack(stack);
  rmSync(stack.dir, { recursive: true, force: true });
  console.log(`✔ deleted ${stack.dir}`);
}

async function agrees(question: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new StackError('NOT_ASKED', 'reset deletes data and there is nobody to ask', 'make reset YES=1');
  const terminal = readline.createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(question);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}
