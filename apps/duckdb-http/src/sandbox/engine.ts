import { join } from 'node:path';
import type { Settings } from '../settings';

/** Where answers lie that go out only when they are whole. Nothing in it outlives the program. */
export const answersDir = (snapshotDir: string): string => join(snapshotDir, '.answers');

/**
 * How the engine is opened: read-only, no way out to files, network or extensions, bounded, and locked that way.
 * The order matters: the lock comes last.
 */
export function engineOptions(settings: Settings): Record<string, string> {
  return {
    temp_directory: join(settings.snapshotDir, '.spill'),
    max_temp_directory_size: settings.spillLimit,
    memory_limit: settings.memoryLimit,
    threads: String(settings.threads),
    access_mode: 'READ_ONLY',
    enable_external_access: 'false',
    autoload_known_extensions: 'false',
    autoinstall_known_extensions: 'false',
    allow_community_extensions: 'false',
    // Position and kind of an error as fields, instead of a drawing in the message.
    errors_as_json: 'true',
    lock_configuration: 'true',
  };
}
