import { type StackStatus, type UnitStatus, stackPaths, stackStatus } from '@stack/runtime';

/** `stack status`: exit status 1 when something isn't healthy. */
export async function status(options: { json?: boolean }): Promise<void> {
  const stack = stackPaths();
  const now = await stackStatus(stack);
  if (options.json) console.log(JSON.stringify(now.units, null, 2));
  else if (now.units.length === 0) console.log(`The stack ${stack.name} isn't deployed → make deploy-local`);
  else printStatus(now);
  if (now.units.some((unit) => unit.health === 'unhealthy' || unit.health === 'down')) process.exitCode = 1;
}

/** One table: unit, address, health, memory; what is wrong below it. */
export function printStatus({ units, supervisor }: StackStatus): void {
  const rows = units.map((unit) => [
    unit.name,
    unit.url ?? '',
    mark(unit),
    megabytes(unit.memoryBytes),
    unit.summary,
  ]);
  const head = ['SERVICE', 'URL', 'HEALTH', 'MEMORY', ''];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const print = (row: readonly string[]) =>
    console.log(
      row
        .map((cell, i) => (i === 3 ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
        .join('  ')
        .trimEnd(),
    );
  console.log();
  [head, ...rows].forEach(print);
  const total = units.reduce((sum, unit) => sum + (unit.memoryBytes ?? 0), supervisor?.memoryBytes ?? 0);
  print([
    '',
    '',
    '',
    megabytes(total),
    supervisor ? 'all of it, with the supervisor' : 'the supervisor is not running',
  ]);
  for (const unit of units)
    if (unit.reason) console.log(`\n${unit.name}: ${unit.reason} → make logs s=${unit.name}`);
  for (const lease of supervisor?.leases ?? [])
    console.log(`\n${lease.name} is held by ${lease.owner} (pid ${lease.pid}) since ${lease.since}`);
}

const mark = ({ health }: UnitStatus): string =>
  ({ healthy: '✔ healthy', done: '✔ done', unhealthy: '✘ unhealthy', down: '✘ down' })[health];

const megabytes = (bytes?: number): string =>
  bytes === undefined ? '' : `${Math.round(bytes / 2 ** 20)} MB`;
