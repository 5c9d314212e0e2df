import type { Socket } from 'node:net';
import * as path from 'node:path';
import { StackError } from '@stack/model';
import {
  baseEnvironment,
  findSupervisor,
  projectOf,
  stackPaths,
  unitEnvironment,
  usesDocker,
} from '@stack/runtime';
import { execa } from 'execa';

/**
 * `stack exec UNIT [--lease NAME] -- COMMAND`: runs a command in the unit's folder with the unit's environment; with a lease,
 * alone. Its exit status is ours.
 */
export async function exec(
  unit: string,
  words: readonly string[],
  options: { lease?: string },
): Promise<void> {
  const command = words[0] === '--' ? words.slice(1) : words;
  const stack = stackPaths();
  if (usesDocker(stack))
    throw new StackError(
      'IN_DOCKER',
      `the stack ${stack.name} runs in Docker: a command from here doesn't reach what its programs share`,
      `docker ps --filter name=${projectOf(stack)} shows the containers; docker exec -it <one of them> sh is inside (dbt's is ${projectOf(stack)}-orchestration-code)`,
    );
  const { root, env } = unitEnvironment(stack, unit);
  const run = async (...shared: Socket[]) => {
    const result = await execa(command[0], command.slice(1), {
      cwd: path.join(stack.workspace, root),
      env: { PATH: baseEnvironment(stack.workspace).PATH, ...env },
      // The child has the lease's connection too: were we killed, the lease would last as long as the command.
      stdio: ['inherit', 'inherit', 'inherit', ...shared],
      reject: false,
    });
    if (result.exitCode === undefined)
      throw new StackError('COMMAND_FAILED', result.shortMessage ?? `${command[0]} failed`);
    process.exitCode = result.exitCode;
  };
  await (options.lease ? holding(options.lease, command.join(' ').slice(0, 80), run) : run());
}

/** Does the work while it holds the stack's lease; whoever else wants it waits. */
export async function holding<T>(
  lease: string,
  owner: string,
  work: (connection: Socket) => Promise<T>,
): Promise<T> {
  const stack = stackPaths();
  const supervisor = await findSupervisor(stack);
  if (!supervisor)
    throw new StackError('NOT_RUNNING', `the stack ${stack.name} isn't running`, 'make deploy-local');
  const { token } = await supervisor.call(
    'lease.acquire',
    { name: lease, owner, pid: process.pid },
    (holder) => console.error(`… ${lease} is held by ${holder.owner} (pid ${holder.pid}): waiting`),
  );
  try {
    return await work(supervisor.socket);
  } finally {
    await supervisor.call('lease.release', { token }).catch(() => undefined);
    supervisor.close();
  }
}
