import { StackError } from '@stack/model';
import { baseEnvironment, findSupervisor, stackPaths } from '@stack/runtime';
import { execa } from 'execa';

/** `stack lease NAME -- COMMAND`: holds the lease as long as the command runs; its exit status is ours. */
export async function lease(name: string, words: readonly string[]): Promise<void> {
  const command = words[0] === '--' ? words.slice(1) : words;
  const stack = stackPaths();
  const supervisor = await findSupervisor(stack);
  if (!supervisor)
    throw new StackError('NOT_RUNNING', `the stack ${stack.name} isn't running`, 'make deploy-local');
  const owner = command.join(' ').slice(0, 80);
  const { token } = await supervisor.call('lease.acquire', { name, owner, pid: process.pid }, (holder) =>
    console.error(`… ${name} is held by ${holder.owner} (pid ${holder.pid}): waiting`),
  );
  try {
    const { PATH } = baseEnvironment(stack.workspace);
    const result = await execa(command[0], command.slice(1), {
      stdio: 'inherit',
      reject: false,
      env: { PATH },
    });
    if (result.exitCode === undefined)
      throw new StackError('COMMAND_FAILED', result.shortMessage ?? `${command[0]} failed`);
    process.exitCode = result.exitCode;
  } finally {
    await supervisor.call('lease.release', { token });
    supervisor.close();
  }
}
