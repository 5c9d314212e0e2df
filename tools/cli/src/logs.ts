import { StackError } from '@stack/model';
import {
  Loader,
  followLogs,
  openEngine,
  readRegistry,
  showContainerLogs,
  stackPaths,
  stackStatus,
} from '@stack/runtime';

/** `stack logs [UNIT]`: one unit's log files, or everybody's. */
export async function logs(
  unit: string | undefined,
  options: { lines: string; follow: boolean },
): Promise<void> {
  const stack = stackPaths();
  const containers = readRegistry(stack)
    .filter((entry) => entry.runtime === 'docker' && (!unit || entry.unit === unit))
    .flatMap(({ processes }) => processes);
  if (containers.length > 0) {
    await showContainerLogs(await openEngine(), containers, {
      follow: options.follow,
      lines: Number(options.lines),
    });
    return;
  }
  const names = new Set(new Loader(stack.workspace).folders.keys());
  const { units } = await stackStatus(stack);
  const chosen = unit ? units.filter((one) => one.name === unit) : units;
  const files = chosen.flatMap((one) => one.logs);
  if (files.length === 0) {
    const withLogs = units
      .filter(({ logs: own, pids }) => own.length > 0 || pids.length > 0)
      .map((one) => one.name);
    throw new StackError(
      'NO_LOG',
      unit && names.has(unit)
        ? `${unit} has written no log here`
        : unit
          ? `there is no unit called ${unit}`
          : 'nothing was deployed yet, so there is no log',
      withLogs.length > 0 ? `choose one of ${withLogs.join(', ')}` : 'make deploy-local',
    );
  }
  await followLogs(files, { follow: options.follow, lines: Number(options.lines) });
}
