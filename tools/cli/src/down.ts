import { existsSync, rmSync } from 'node:fs';
import { deleteVolumes, hasVolumes, stackPaths, stopContainers, stopStack, usesDocker } from '@stack/runtime';
import { agrees } from './ask';

/** `stack down`: ends every process of the stack; fine when none runs. */
export async function down(): Promise<void> {
  const stack = stackPaths();
  const stopped = [...(await stopStack(stack)), ...(usesDocker(stack) ? await stopContainers(stack) : [])];
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
  const question = `Delete all data of the stack ${stack.name} (${stack.dir})? [y/N] `;
  const alone = { what: 'reset deletes data', remedy: 'make reset YES=1' };
  if (!options.yes && !(await agrees(question, alone))) {
    console.log('Nothing was deleted.');
    return;
  }
  await stopStack(stack);
  if (usesDocker(stack) || hasVolumes(stack)) {
    await stopContainers(stack);
    await deleteVolumes(stack);
  }
  rmSync(stack.dir, { recursive: true, force: true });
  console.log(`✔ deleted ${stack.dir}`);
}
