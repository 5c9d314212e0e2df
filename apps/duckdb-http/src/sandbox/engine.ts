import { join } from 'node:path';
import type { Settings } from '../settings';

/** Where answers lie that go out only when they are whole. Nothing in it outlives the program. */
export const answersDir = (snapshotDir: string): string => join(snapshotDir, '.answers');

/** No extensions, and errors with position and kind as fields instead of a drawing in the message. */
const CLOSED = {
  autoload_known_extensions: 'false',
  autoinstall_known_extensions: 'false',
  allow_community_extensions: 'false',
  errors_as_json: 'true',
};

/**
 * `SELECT … LIMIT 10000`, what pages and notebooks ask most, takes a third of the time without it; a wide table's
 * `ORDER BY … LIMIT 10` up to twice as long.
 */
const PLANS = { disabled_optimizers: 'late_materialization' };

/** The last of all settings: from then on no file is opened, and no setting changes. */
const LOCK = { enable_external_access: 'false', lock_configuration: 'true' };

/**
 * How the engine is opened: read-only, no way out to files, network or extensions, bounded, and locked that way.
 * The order matters: the lock comes last.
 */
export function engineOptions(settings: Settings): Record<string, string> {
  return {
    ...bounds(settings, 'spill', settings.memoryLimit),
    access_mode: 'READ_ONLY',
    ...CLOSED,
    ...PLANS,
    ...LOCK,
  };
}

/** How the engine of a workspace is opened. It is locked, by `lockStatements`, when the snapshot is attached. */
export function workspaceOptions(settings: Settings, memory: string): Record<string, string> {
  return { ...bounds(settings, 'workspaces', memory), ...CLOSED, ...PLANS };
}

export function lockStatements(): string[] {
  return Object.entries(LOCK).map(([name, value]) => `SET GLOBAL ${name} = ${value}`);
}

function bounds(
  { snapshotDir, spillLimit, threads }: Settings,
  folder: string,
  memory: string,
): Record<string, string> {
  return {
    temp_directory: join(snapshotDir, `.${folder}`),
    max_temp_directory_size: spillLimit,
    memory_limit: memory,
    threads: String(threads),
  };
}
