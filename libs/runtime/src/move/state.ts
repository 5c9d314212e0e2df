/** Where the data of a stack is, once `make move` has carried it between the runtimes: a file in the stack's folder. */
import * as path from 'node:path';
import { StackError } from '@stack/model';
import { isAlive, startTime } from '@stack/supervisor';
import { readJson, writeIfChanged } from '../files';
import type { StackPaths } from '../stack';

export type Runtime = 'native' | 'docker';

export interface MoveState {
  readonly from: Runtime;
  readonly to: Runtime;
  /** ISO 8601: when it began. */
  readonly at: string;
  /** False while it is at work, and after it was interrupted: the data is in `from` then. */
  readonly done: boolean;
  /** Who moves, or moved. */
  readonly pid: number;
  readonly start?: string;
}

/** As in `the stack acme runs …`. */
export const WHERE: Record<Runtime, string> = { native: 'without Docker', docker: 'in Docker' };

export const deployIn = (runtime: Runtime): string =>
  runtime === 'docker' ? 'make deploy-local RUNTIME=docker' : 'make deploy-local';

export const moveCommand = (from: Runtime, to: Runtime): string => `make move FROM=${from} TO=${to}`;

const fileOf = ({ dir }: StackPaths): string => path.join(dir, 'moved.json');

/** The last move; undefined when there was none. */
export const readMove = (stack: StackPaths): MoveState | undefined => readJson(fileOf(stack));

export function writeMove(
  stack: StackPaths,
  move: Pick<MoveState, 'from' | 'to' | 'done'>,
  at = new Date().toISOString(),
): void {
  const state: MoveState = { ...move, at, pid: process.pid, start: startTime(process.pid) };
  writeIfChanged(fileOf(stack), `${JSON.stringify(state, null, 2)}\n`);
}

/**
 * Lets nobody but the one who moves the stack work on it meanwhile, and nobody on what isn't the stack's data.
 * @throws StackError when the data is in the other runtime, or what is in this one is only a part of it
 */
export function refuseElsewhere(stack: StackPaths, runtime: Runtime): void {
  const move = readMove(stack);
  if (!move) return;
  const { from, to, at, done, pid, start } = move;
  const alive = start !== undefined && isAlive(pid, start);
  if (!done && alive && pid === process.pid) return;
  if (!done && alive)
    throw new StackError(
      'MOVING',
      `the stack ${stack.name} is being moved (pid ${pid}, since ${at})`,
      'wait until that has ended',
    );
  if (!done && runtime === to)
    throw new StackError(
      'HALF_MOVED',
      `the move of the stack ${stack.name} was interrupted: what is ${WHERE[to]} is only a part of its data`,
      `${moveCommand(from, to)} does it again; ${deployIn(from)} goes on with all of it ${WHERE[from]}`,
    );
  if (done && runtime === from)
    throw new StackError(
      'MOVED',
      `the data of the stack ${stack.name} is ${WHERE[to]} since ${at}; what is ${WHERE[from]} is older`,
      `${deployIn(to)} uses it there; ${moveCommand(to, from)} brings it back`,
    );
}
