import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';

/** Writes the file so that it is either the old or the new one at every moment: temporary name, fsync, rename. Mode 0600. */
export function writeAtomic(path: string, content: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  const fd = openSync(temporary, 'w', 0o600);
  try {
    writeSync(fd, content);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}
