/** Finds the stack's supervisor, or starts one. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { StackError } from '@stack/model';
import { SupervisorClient, isAlive, startTime } from '@stack/supervisor';
import { sha256 } from '../files';
import { type StackPaths, findWorkspace, makeStackDir } from '../stack';
import { baseEnvironment } from './executables';

/** Milliseconds that a supervisor may take to answer. */
const PATIENCE = 10_000;

export const supervisorProgram = (): string =>
  path.join(findWorkspace(), 'dist', 'libs', 'supervisor', 'main.cjs');

/** The running supervisor; undefined when there is none. */
export const findSupervisor = (stack: StackPaths): Promise<SupervisorClient | undefined> =>
  SupervisorClient.connect(stack.socket).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') return undefined;
    throw error;
  });

/**
 * The stack's supervisor, started if there is none. One of another build hands its processes over to a new one.
 * @throws StackError when its program isn't built or it doesn't come up.
 */
export async function ensureSupervisor(stack: StackPaths): Promise<SupervisorClient> {
  const program = supervisorProgram();
  if (!existsSync(program))
    throw new StackError('NOT_BUILT', 'the supervisor is not built', 'npx nx build supervisor');
  makeStackDir(stack);
  const running = await findSupervisor(stack);
  if (running) {
    // No answer: it was just being killed, and a new one is needed as well.
    const hello = await running.call('hello', {}).catch(() => undefined);
    if (hello?.build === sha256(readFileSync(program))) return running;
    if (hello) await running.call('handover', {});
    running.close();
  }
  start(stack, program);
  for (const deadline = Date.now() + PATIENCE; Date.now() < deadline;) {
    await new Promise((done) => setTimeout(done, 5));
    const client = await findSupervisor(stack);
    if (!client) continue;
    const hello = await client.call('hello', {}).catch(() => undefined);
    if (hello?.build === sha256(readFileSync(program))) return client;
    client.close();
  }
  throw new StackError(
    'NO_SUPERVISOR',
    `the supervisor doesn't come up within ${PATIENCE / 1_000} s`,
    `read ${path.join(stack.logs, 'supervisor.log')}`,
  );
}

/**
 * Starts the daemon as a child of nobody: through a shell that ends at once. Nx ends the whole family of a task's process
 * when the task is done, whatever session the family's members are in.
 */
function start(stack: StackPaths, program: string): void {
  const log = openSync(path.join(stack.logs, 'supervisor.log'), 'a', 0o640);
  // A small heap: it holds a few records, and what it doesn't use belongs to the services.
  const command = [
    process.execPath,
    '--max-old-space-size=64',
    '--max-semi-space-size=1',
    program,
    stack.run,
  ];
  spawnSync('/bin/sh', ['-c', '"$@" &', 'sh', ...command], {
    cwd: stack.dir,
    env: baseEnvironment(stack.workspace),
    stdio: ['ignore', log, log],
  });
  closeSync(log);
}

/**
 * Stops every process of the stack and its supervisor. When the supervisor is dead but left processes behind, a new one adopts
 * and then stops them.
 * @returns ids of what was stopped; empty when nothing ran
 */
export async function stopStack(stack: StackPaths): Promise<string[]> {
  let supervisor = await findSupervisor(stack);
  if (!supervisor) {
    if (!existsSync(path.join(stack.run, 'supervisor.json'))) return [];
    supervisor = await ensureSupervisor(stack);
  }
  const { pid } = await supervisor.call('hello', {});
  const start = startTime(pid);
  const { stopped } = await supervisor.call('shutdown', {});
  supervisor.close();
  while (start !== undefined && isAlive(pid, start)) await new Promise((done) => setTimeout(done, 10));
  return [...stopped];
}
