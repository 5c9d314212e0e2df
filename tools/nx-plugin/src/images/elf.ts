/** Programs and libraries in a folder, and the machine that each is for. */
import { closeSync, openSync, readSync, readdirSync } from 'node:fs';
import * as path from 'node:path';
import { StackError } from '@stack/model';
import type { Platform } from './platform';

/** ELF files below a folder → their `e_machine`. */
export function elfFiles(folder: string): Record<string, number> {
  const found: Record<string, number> = {};
  const header = Buffer.alloc(20);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const descriptor = openSync(file, 'r');
    if (readSync(descriptor, header) === header.length && header.readUInt32BE(0) === 0x7f454c46)
      found[path.relative(folder, file)] = header.readUInt16LE(18);
    closeSync(descriptor);
  }
  return found;
}

/** One whose name ends with its machine lies beside those for others, and its package chooses (debugpy: `attach_linux_amd64.so`). */
const NAMED = /[_-](amd64|x86_64|x86|aarch64|arm64)\.so$/;

/**
 * A package without a build for the platform was perhaps compiled on this machine, for this machine.
 * @throws StackError when a file of the folder is for another machine
 */
export function refuseForeign(folder: string, platform: Platform): void {
  const foreign = Object.entries(elfFiles(folder))
    .filter(([file, machine]) => machine !== platform.machine && !NAMED.test(file))
    .map(([file]) => file);
  if (foreign.length > 0)
    throw new StackError(
      'FOREIGN_BINARY',
      `packages for ${platform.name} have ${foreign.length} files for another machine`,
      `take a version of the package that has a build for ${platform.name}`,
      foreign.slice(0, 5),
    );
}
