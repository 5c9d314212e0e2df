/**
 * Log files. Processes write them themselves (O_APPEND), so that nothing is lost when the supervisor dies; hence rotation
 * copies and truncates.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** Bytes after which a log is rotated, and how many old ones are kept. */
export const ROTATE_AT = 10 * 1024 * 1024;
export const KEEP = 3;

/** A descriptor for a process to write its log to. */
export function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  return openSync(path, 'a', 0o640);
}

export function logSize(path: string): number {
  return existsSync(path) ? statSync(path).size : 0;
}

/** Rotates the log if it has grown beyond `limit` bytes; true when it did. */
export function rotate(path: string, limit = ROTATE_AT): boolean {
  if (logSize(path) <= limit) return false;
  for (let i = KEEP - 1; i >= 1; i--) {
    if (existsSync(`${path}.${i}`)) renameSync(`${path}.${i}`, `${path}.${i + 1}`);
  }
  copyFileSync(path, `${path}.1`);
  truncateSync(path, 0);
  return true;
}

/** The last `count` lines after byte `from` (the start of the current run), at most 64 KiB of them. */
export function tail(path: string, count: number, from = 0): string[] {
  if (!existsSync(path)) return [];
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const start = Math.max(from <= size ? from : 0, size - 65_536);
    const buffer = Buffer.alloc(size - start);
    readSync(fd, buffer, 0, buffer.length, start);
    return buffer
      .toString('utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .slice(-count);
  } finally {
    closeSync(fd);
  }
}
