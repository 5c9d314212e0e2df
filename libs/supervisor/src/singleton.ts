/**
 * One supervisor a stack: whoever links the lock file first. The lock names its owner by pid and start time, so that one
 * left behind by a dead process is taken over.
 */
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { isAlive, startTime } from './process-info';

interface Owner {
  readonly pid: number;
  readonly start: string;
}

function read(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

/** True when this process now owns the lock; false when a living one does. */
export function lock(path: string): boolean {
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, JSON.stringify({ pid: process.pid, start: startTime(process.pid) }), { mode: 0o600 });
  try {
    for (;;) {
      try {
        linkSync(mine, path);
        return true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const owner = read(path);
      if (owner && isAlive(owner.pid, owner.start)) return false;
      takeAway(path, owner);
    }
  } finally {
    unlinkSync(mine);
  }
}

/** Moves a stale lock aside; puts it back when another process has taken the lock over in between. */
function takeAway(path: string, stale: Owner | undefined): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const moved = read(aside);
  if (moved && (moved.pid !== stale?.pid || moved.start !== stale?.start)) {
    try {
      linkSync(aside, path);
    } catch {
      // A third one has it by now.
    }
  }
  unlinkSync(aside);
}

export function unlock(path: string): void {
  if (read(path)?.pid === process.pid) unlinkSync(path);
}
