/** Units whose last deploy failed, with what the user was told: a file each, gone when a deploy ends well. */
import { rmSync } from 'node:fs';
import * as path from 'node:path';
import { readJsonFiles, writeIfChanged } from '../files';
import type { StackPaths } from '../stack';

export interface Failure {
  readonly unit: string;
  readonly layer: string;
  /** The whole message: what failed, details, what to do. */
  readonly message: string;
}

const fileOf = (stack: StackPaths, unit: string): string => path.join(stack.failures, `${unit}.json`);

export function writeFailure(stack: StackPaths, failure: Failure): void {
  writeIfChanged(fileOf(stack, failure.unit), `${JSON.stringify(failure, null, 2)}\n`);
}

export function clearFailure(stack: StackPaths, unit: string): void {
  rmSync(fileOf(stack, unit), { force: true });
}

export const readFailures = (stack: StackPaths): Failure[] => readJsonFiles(stack.failures);
