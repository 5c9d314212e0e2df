/** What the engine says of the stack's containers, as the supervisor does of processes; and their end. */
import { rmSync } from 'node:fs';
import type { ProcessStatus } from '@stack/supervisor';
import type Docker from 'dockerode';
import { readRegistry } from '../native/registry';
import type { StackPaths } from '../stack';
import { withSecrets } from './containers';
import { end } from './deploy';
import { containersIn, openEngine, orNothing } from './engine';
import { type Written, execIn } from './exec';
import { LABELS, markerOf, projectOf } from './names';
import { removeVolumes } from './volumes';

export interface ContainerStatus extends Omit<ProcessStatus, 'hash' | 'log' | 'state'> {
  /** Its image only stands in for the one that the definition names. */
  readonly standIn?: boolean;
}

/** Every container of the stack's services. */
export async function containerStatus(stack: StackPaths): Promise<ContainerStatus[]> {
  const docker = await openEngine();
  const containers = await containersIn(docker, stack.name);
  return Promise.all(
    containers
      .filter(({ Labels }) => Labels[LABELS.unit] && !Labels[LABELS.once])
      .map((info) => statusOfOne(docker, info)),
  );
}

async function statusOfOne(docker: Docker, info: Docker.ContainerInfo): Promise<ContainerStatus> {
  const container = docker.getContainer(info.Id);
  const unit = info.Labels[LABELS.unit];
  const id = `${unit}/${info.Labels[LABELS.process]}`;
  const inspected = await orNothing(container.inspect());
  if (!inspected?.State.Running) {
    const code = inspected?.State.ExitCode;
    const reason = `it doesn't run${code ? ` (exit status ${code}${inspected?.State.OOMKilled ? ', out of memory' : ''})` : ''}`;
    return { id, unit, health: 'unhealthy', reason, restarts: inspected?.RestartCount ?? 0 };
  }
  const { State, RestartCount } = inspected;
  const last = State.Health?.Log?.at(-1)?.Output?.trim();
  const sick = State.Health?.Status === 'unhealthy';
  const stats = (await container.stats({ stream: false, 'one-shot': true })) as Docker.ContainerStats;
  const { usage = 0, stats: memory } = stats.memory_stats;
  // What the kernel can take back at any time isn't the program's.
  const cache = memory?.total_inactive_file ?? memory?.inactive_file ?? 0;
  return {
    id,
    unit,
    health: sick ? 'unhealthy' : 'healthy',
    reason: sick ? `its health check fails${last ? `: ${last}` : ''}` : undefined,
    standIn: LABELS.standIn in info.Labels,
    pid: State.Pid,
    restarts: RestartCount,
    memoryBytes: Math.max(0, usage - cache),
    cpuSeconds: stats.cpu_stats.cpu_usage.total_usage / 1e9,
  };
}

/**
 * Removes every container of the stack and its network; volumes stay. Returns the units that it had.
 * @param kept process (of the label) whose container stays
 */
export async function stopContainers(stack: StackPaths, kept?: string): Promise<string[]> {
  const docker = await openEngine();
  const all = await containersIn(docker, stack.name);
  const containers = all.filter(({ Labels }) => !kept || Labels[LABELS.process] !== kept);
  await endInOrder(docker, stack, containers);
  const networks = await docker.listNetworks({ filters: { label: [`${LABELS.stack}=${stack.name}`] } });
  for (const { Id } of networks)
    await docker
      .getNetwork(Id)
      .remove()
      .catch(() => undefined);
  rmSync(markerOf(stack), { force: true });
  return [...new Set(containers.flatMap(({ Labels }) => Labels[LABELS.unit] ?? []))].sort();
}

/** Ends each unit's after those of the units that need it. */
async function endInOrder(
  docker: Docker,
  stack: StackPaths,
  containers: readonly Docker.ContainerInfo[],
): Promise<void> {
  const needs = new Map(readRegistry(stack).map(({ unit, dependsOn }) => [unit, dependsOn]));
  for (let left = containers; left.length > 0;) {
    const needed = new Set(left.flatMap(({ Labels }) => needs.get(Labels[LABELS.unit]) ?? []));
    const free = left.filter(({ Labels }) => !needed.has(Labels[LABELS.unit]));
    const now = free.length > 0 ? free : left;
    await Promise.all(now.map(({ Id }) => end(docker.getContainer(Id))));
    left = left.filter((one) => !now.includes(one));
  }
}

/** Deletes the stack's volumes; its containers are gone already. */
export const deleteVolumes = async (stack: StackPaths): Promise<string[]> =>
  removeVolumes(await openEngine(), stack.name);

/** Runs a command in a container of the stack, with the secrets of its environment. */
export const runInContainer = async (
  stack: StackPaths,
  container: string,
  argv: readonly string[],
): Promise<Written> => execIn(await openEngine(), `${projectOf(stack)}-${container}`, withSecrets(argv));
