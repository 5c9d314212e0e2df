/** What is deployed: an entry a unit, which collectors (the proxy, the status table) read. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import * as path from 'node:path';
import type { RegistryEntry } from '@stack/model';
import { readJson, writeIfChanged } from '../files';
import type { StackPaths } from '../stack';

const fileOf = (stack: StackPaths, unit: string): string => path.join(stack.registry, `${unit}.json`);

export const readEntry = (stack: StackPaths, unit: string): RegistryEntry | undefined =>
  readJson<RegistryEntry>(fileOf(stack, unit));

export function readRegistry(stack: StackPaths): RegistryEntry[] {
  if (!existsSync(stack.registry)) return [];
  return readdirSync(stack.registry)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => readJson<RegistryEntry>(path.join(stack.registry, name)))
    .filter((entry): entry is RegistryEntry => entry !== undefined);
}

export function writeEntry(stack: StackPaths, entry: RegistryEntry): void {
  writeIfChanged(fileOf(stack, entry.unit), `${JSON.stringify(entry, null, 2)}\n`);
}

export function removeEntry(stack: StackPaths, unit: string): void {
  rmSync(fileOf(stack, unit), { force: true });
}
