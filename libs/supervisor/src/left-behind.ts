/** What a supervisor that has died left running: read from its state file, for who only wants to look. */
import { existsSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { isAlive } from './process-info';
import type { Saved } from './supervised';

export interface LeftBehind {
  readonly id: string;
  readonly unit: string;
  readonly pid: number;
}

/** @param runDir the supervisor's folder; without a state file there, nothing was left */
export function leftBehind(runDir: string): LeftBehind[] {
  const file = path.join(runDir, 'supervisor.json');
  if (!existsSync(file)) return [];
  const { processes } = JSON.parse(readFileSync(file, 'utf8')) as { processes: readonly Saved[] };
  return processes.flatMap(({ spec, pid, start }) =>
    pid && start && isAlive(pid, start) ? [{ id: spec.id, unit: spec.unit, pid }] : [],
  );
}
