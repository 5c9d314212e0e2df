/** What is deployed: an entry a unit, which collectors (the proxy, the status table) read. */
import { rmSync } from 'node:fs';
import * as path from 'node:path';
import type { RegistryEntry } from '@stack/model';
import { readJson, readJsonFiles, writeIfChanged } from '../files';
import type { StackPaths } from '../stack';

const fileOf = (stack: StackPaths, unit: string): string => path.join(stack.registry, `${unit}.json`);

export const readEntry = (stack: StackPaths, unit: string): RegistryEntry | undefined =>
  readJson<RegistryEntry>(fileOf(stack, unit));

export const readRegistry = (stack: StackPaths): RegistryEntry[] => readJsonFiles(stack.registry);

export function writeEntry(stack: StackPaths, entry: RegistryEntry): void {
  writeIfChanged(fileOf(stack, entry.unit), `${JSON.stringify(entry, null, 2)}\n`);
}

export function removeEntry(stack: StackPaths, unit: string): void {
  rmSync(fileOf(stack, unit), { force: true });
}
