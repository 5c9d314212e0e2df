/**
 * A deploy with nothing to change against an empty executor over the same graph, alternating; and a cold deploy against what
 * its units cost one by one: max(critical path, CPU seconds ÷ cores).
 */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dependenciesOf } from '@stack/model';
import {
  deployUnit,
  findUnits,
  findWorkspace,
  layerBelow,
  openSession,
  stackPaths,
  stackStatus,
  stopStack,
} from '@stack/runtime';
import { execa } from 'execa';
import { median, seconds, timed } from './timing';

const workspace = findWorkspace();
const RUNS = 5;

const nx = (stack: string, target: string) =>
  execa('npx', ['nx', 'run-many', '-t', target], { cwd: workspace, env: { STACK: stack }, stdio: 'ignore' });

/** User and system time of this process and of the children that it has waited for, in milliseconds. */
function ownCpu(): number {
  const fields = readFileSync('/proc/self/stat', 'latin1').split(') ')[1].split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * 10;
}

/** Deploys every unit by itself, in order; what each took, and what all cost the processors. */
async function oneByOne(): Promise<{ critical: number; cpu: number; rows: string[] }> {
  const stack = stackPaths(workspace, { ...process.env, STACK: 'bench-one' });
  const session = await openSession(() => undefined, stack);
  const units = findUnits(workspace);
  const took = new Map<string, number>();
  const finish = new Map<string, number>();
  const rows: string[] = [];
  let cpu = 0;
  const visit = async (name: string): Promise<number> => {
    const known = finish.get(name);
    if (known !== undefined) return known;
    const { layer } = session.loader.folder(name);
    const below = layerBelow(layer, units);
    const before = [
      ...dependenciesOf(session.loader.unit(name)),
      ...units.filter((unit) => unit.layer === below).map((unit) => unit.name),
    ];
    let ready = 0;
    for (const dependency of before) ready = Math.max(ready, await visit(dependency));
    const cpuBefore = ownCpu();
    const time = await timed(() => deployUnit(session, name, () => undefined));
    const service = (await stackStatus(stack)).units.find((unit) => unit.name === name);
    const used = ownCpu() - cpuBefore + (service?.cpuSeconds ?? 0) * 1_000;
    cpu += used;
    took.set(name, time);
    finish.set(name, ready + time);
    rows.push(`  ${name.padEnd(16)} ${seconds(time).padStart(8)}  CPU ${seconds(used)}`);
    return ready + time;
  };
  for (const { name } of units) await visit(name);
  await session.close();
  await stopStack(stack);
  return { critical: Math.max(...finish.values()), cpu, rows };
}

async function main(): Promise<void> {
  await nx('bench', 'build');
  const empty = median([
    await timed(() => nx('bench', 'bench-noop')),
    await timed(() => nx('bench', 'bench-noop')),
    await timed(() => nx('bench', 'bench-noop')),
  ]);
  const { critical, cpu, rows } = await oneByOne();
  const cold = await timed(() => nx('bench', 'deploy'));
  const limit = Math.max(critical, cpu / cpus().length);
  console.log(rows.join('\n'));
  console.log(
    `cold deploy ${seconds(cold)}; critical path ${seconds(critical)}, CPU ÷ cores ${seconds(cpu / cpus().length)}, Nx alone ${seconds(empty)}`,
  );
  console.log(
    `cold deploy ÷ max(critical path, CPU ÷ cores): ${(cold / limit).toFixed(2)}; with Nx's own time added to the path: ${(cold / (limit + empty)).toFixed(2)} (target 1.25)`,
  );

  const noop: number[] = [];
  const again: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    noop.push(await timed(() => nx('bench', 'bench-noop')));
    again.push(await timed(() => nx('bench', 'deploy')));
  }
  console.log(
    `deploy with nothing to change ${seconds(median(again))}, empty executor ${seconds(median(noop))}, ratio ${(median(again) / median(noop)).toFixed(2)} (target 1.5)`,
  );
}

void main();
