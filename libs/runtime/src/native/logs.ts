/** Log files: where they are, and how they are shown. */
import { existsSync, readdirSync } from 'node:fs';
import * as path from 'node:path';
import type { StackPaths } from '../stack';

/** Log of a process; `id` is `<unit>/<process>`. */
export const logFile = (stack: StackPaths, id: string): string =>
  path.join(stack.logs, `${id.replace('/', '.')}.log`);

/** The log files that a unit has written here. */
export const logsOf = (stack: StackPaths, unit: string): string[] =>
  existsSync(stack.logs)
    ? readdirSync(stack.logs)
        .filter((name) => name.startsWith(`${unit}.`) && name.endsWith('.log'))
        .sort()
        .map((name) => path.join(stack.logs, name))
    : [];

/**
 * Shows log files, through the system's own `tail`, which follows through rotation.
 * @param options.lines how many lines to start with; `follow` goes on until the caller is interrupted
 */
export async function followLogs(
  files: readonly string[],
  options: { follow: boolean; lines: number },
): Promise<void> {
  const { execa } = await import('execa');
  await execa('tail', ['-n', String(options.lines), ...(options.follow ? ['-F'] : []), ...files], {
    stdio: ['ignore', 'inherit', 'ignore'],
    reject: false,
  });
}
