import {
  type StackPaths,
  type StackStatus,
  type UnitStatus,
  WHERE,
  deployIn,
  forStack,
  isWell,
  readMove,
  stackPaths,
  stackStatus,
} from '@stack/runtime';

/** `stack status`: exit status 1 when something isn't healthy. */
export async function status(options: { json?: boolean }): Promise<void> {
  const stack = stackPaths();
  const now = await stackStatus(stack);
  if (options.json) console.log(JSON.stringify(now.units, null, 2));
  else if (now.units.length === 0) console.log(forStack(notDeployed(stack)));
  else printStatus(now);
  if (!now.units.every(isWell)) process.exitCode = 1;
}

function notDeployed(stack: StackPaths): string {
  const move = readMove(stack);
  const runtime = move && (move.done ? move.to : move.from);
  const where = runtime ? `; its data is ${WHERE[runtime]}` : '';
  return `The stack ${stack.name} isn't deployed${where} → ${deployIn(runtime ?? 'native')}`;
}

/** One table: unit, address, health, memory; what is wrong below it. */
export function printStatus({ units, supervisor, supervisorDied, runtime }: StackStatus): void {
  const rows = units.map((unit) => [
    unit.name,
    unit.url ?? '',
    mark(unit),
    mebibytes(unit.memoryBytes),
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
    mebibytes(total),
    runtime === 'docker'
      ? 'all containers'
      : supervisor
        ? 'all of it, with the supervisor'
        : 'the supervisor is not running',
  ]);
  const tell = (text: string) => console.log(forStack(`\n${text}`));
  if (supervisorDied)
    tell('✘ the supervisor has died; what it started still runs, unwatched → make deploy-local');
  const standIns = units.filter(({ standIn }) => standIn).map(({ name }) => name);
  if (standIns.length > 0)
    tell(`created, never run with the real image (a stand-in answers): ${standIns.join(', ')}`);
  for (const { name, token } of units)
    if (token)
      tell(`${name} asks for its token, or takes it as ?token=… → make -s secret s=${name} k=${token}`);
  for (const { name, reason, problem } of units) {
    if (reason && !supervisorDied) tell(`${name}: ${reason} → make logs s=${name}`);
    if (problem) tell(`✘ ${name}: its last deploy failed: ${problem}`);
  }
  for (const lease of supervisor?.leases ?? [])
    console.log(`\n${lease.name} is held by ${lease.owner} (pid ${lease.pid}) since ${lease.since}`);
}

const mark = ({ health, standIn }: UnitStatus): string =>
  ({
    healthy: standIn ? '✔ stand-in' : '✔ healthy',
    done: '✔ done',
    unhealthy: '✘ unhealthy',
    down: '✘ down',
    failed: '✘ failed',
  })[health];

const mebibytes = (bytes?: number): string =>
  bytes === undefined ? '' : `${Math.round(bytes / 2 ** 20)} MiB`;
