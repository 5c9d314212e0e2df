/** What the engine says of the stack's containers, as the supervisor does of processes; and their end. */
import { rmSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import type { ProcessStatus } from '@stack/supervisor';
import type Docker from 'dockerode';
import type { StackPaths } from '../stack';
import { withSecrets } from './containers';
import { end } from './deploy';
import { containersIn, openEngine, orNothing } from './engine';
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

/** Removes every container of the stack and its network; volumes stay. Returns the units that it had. */
export async function stopContainers(stack: StackPaths): Promise<string[]> {
  const docker = await openEngine();
  const containers = await containersIn(docker, stack.name);
  await Promise.all(containers.map(({ Id }) => end(docker.getContainer(Id))));
  await docker
    .getNetwork(projectOf(stack))
    .remove()
    .catch(() => undefined);
  rmSync(markerOf(stack), { force: true });
  return [...new Set(containers.flatMap(({ Labels }) => Labels[LABELS.unit] ?? []))].sort();
}

/** Deletes the stack's volumes; its containers are gone already. */
export const deleteVolumes = async (stack: StackPaths): Promise<string[]> =>
  removeVolumes(await openEngine(), stack.name);

/** Runs a command in a container, with the secrets of its environment; its exit status and what it wrote. */
export async function runInContainer(
  stack: StackPaths,
  container: string,
  argv: readonly string[],
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const docker = await openEngine();
  const exec = await docker.getContainer(`${projectOf(stack)}-${container}`).exec({
    Cmd: withSecrets(argv),
    AttachStdout: true,
    AttachStderr: true,
  });
  const stream = await exec.start({});
  const written = { stdout: '', stderr: '' };
  const into = (key: 'stdout' | 'stderr') =>
    new PassThrough().on('data', (chunk: Buffer) => (written[key] += chunk.toString()));
  docker.modem.demuxStream(stream, into('stdout'), into('stderr'));
  await new Promise((done) => stream.on('end', done));
  const { ExitCode } = await exec.inspect();
  return { exitCode: ExitCode ?? 1, ...written };
}
