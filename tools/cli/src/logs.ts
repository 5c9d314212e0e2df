import { StackError } from '@stack/model';
import { followLogs, stackPaths, stackStatus } from '@stack/runtime';

/** `stack logs [UNIT]`: one unit's log files, or everybody's. */
export async function logs(
  unit: string | undefined,
  options: { lines: string; follow: boolean },
): Promise<void> {
  const { units } = await stackStatus(stackPaths());
  const chosen = unit ? units.filter((one) => one.name === unit) : units;
  const files = chosen.flatMap((one) => one.logs);
  if (files.length === 0) {
    const withLogs = units.filter((one) => one.logs.length > 0).map((one) => one.name);
    throw new StackError(
      'NO_LOG',
      unit ? `${unit} has no log` : 'nothing runs, so there is no log',
      withLogs.length > 0 ? `choose one of ${withLogs.join(', ')}` : 'make deploy-local',
    );
  }
  await followLogs(files, { follow: options.follow, lines: Number(options.lines) });
}
