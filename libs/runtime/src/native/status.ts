/** What the stack looks like now: the registry joined with what the supervisor sees. */
import type { RegistryEntry } from '@stack/model';
import { type Status, leftBehind } from '@stack/supervisor';
import { usesDocker } from '../docker/names';
import { type ContainerStatus, containerStatus } from '../docker/status';
import type { StackPaths } from '../stack';
import { LAYERS } from '../units';
import { findSupervisor } from './daemon';
import { readFailures } from './failures';
import { logsOf } from './logs';
import { readRegistry } from './registry';

export interface UnitStatus {
  readonly name: string;
  readonly layer: string;
  readonly summary: string;
  /** Address of the service; for a person where there is a page. */
  readonly url?: string;
  /** Secret of it that its page asks for. */
  readonly token?: string;
  /** URL that answers 200 when it is healthy, if it speaks HTTP. */
  readonly healthUrl?: string;
  /** `failed`: its last deploy ended badly, and it doesn't run. */
  readonly health: 'healthy' | 'unhealthy' | 'down' | 'done' | 'failed';
  readonly reason?: string;
  /** Why its last deploy failed, and what to do about it. */
  readonly problem?: string;
  /** In Docker: something else runs in place of its image. */
  readonly standIn?: boolean;
  readonly pid?: number;
  readonly pids: readonly number[];
  readonly memoryBytes?: number;
  readonly cpuSeconds?: number;
  readonly restarts: number;
  readonly logs: readonly string[];
}

export interface StackStatus {
  readonly units: readonly UnitStatus[];
  readonly supervisor?: Pick<Status, 'pid' | 'memoryBytes' | 'leases'>;
  /** It left processes behind that run unwatched. */
  readonly supervisorDied: boolean;
  readonly runtime: 'native' | 'docker';
}

/** Whether the unit is as it should be. */
export const isWell = ({ health, problem }: UnitStatus): boolean =>
  (health === 'healthy' || health === 'done') && problem === undefined;

export async function stackStatus(stack: StackPaths): Promise<StackStatus> {
  const client = await findSupervisor(stack);
  const status = await client?.call('status', {});
  client?.close();
  const orphans = status ? [] : leftBehind(stack.run);
  const registry = readRegistry(stack);
  const inDocker = usesDocker(stack);
  const containers = inDocker ? await containerStatus(stack) : [];
  const failures = new Map(readFailures(stack).map((failure) => [failure.unit, failure]));
  const deployed = registry.map((entry) => {
    const all = entry.runtime === 'docker' ? containers : (status?.processes ?? []);
    const processes = all.filter((one) => one.unit === entry.unit);
    const left = orphans.filter((one) => one.unit === entry.unit).map(({ pid }) => pid);
    const problem = failures.get(entry.unit)?.message;
    failures.delete(entry.unit);
    return unitStatus(stack, entry, processes, left, problem);
  });
  const never = [...failures.values()].map(({ unit, layer, message }) =>
    neverDeployed(stack, unit, layer, message),
  );
  const height = ({ layer }: UnitStatus) => LAYERS.indexOf(layer as never);
  return {
    units: [...deployed, ...never].sort((a, b) => height(a) - height(b) || a.name.localeCompare(b.name)),
    supervisor: status && { pid: status.pid, memoryBytes: status.memoryBytes, leases: status.leases },
    supervisorDied: orphans.length > 0,
    runtime: inDocker ? 'docker' : 'native',
  };
}

/** @param left pids that a dead supervisor left behind */
function unitStatus(
  stack: StackPaths,
  entry: RegistryEntry,
  processes: readonly ContainerStatus[],
  left: readonly number[],
  problem: string | undefined,
): UnitStatus {
  const [first] = Object.values(entry.ports);
  const sick = processes.find((one) => one.health !== 'healthy');
  const sum = (field: 'memoryBytes' | 'cpuSeconds') =>
    processes.length > 0 ? processes.reduce((total, one) => total + (one[field] ?? 0), 0) : undefined;
  const pids = [...processes.flatMap(({ pid }) => pid ?? []), ...left];
  return {
    name: entry.unit,
    layer: entry.layer,
    summary: entry.summary,
    url:
      entry.url ??
      (first && `${first.protocol === 's3' ? 'http' : first.protocol}://127.0.0.1:${first.number}`),
    token: entry.token,
    healthUrl: entry.healthUrl,
    health: healthOf(entry, pids.length > 0, sick !== undefined || left.length > 0, problem !== undefined),
    reason:
      left.length > 0
        ? 'runs, but nobody watches it'
        : sick && (processes.length > 1 ? `${sick.id}: ${sick.reason}` : sick.reason),
    problem,
    standIn: processes.some(({ standIn }) => standIn) || undefined,
    pid: pids[0],
    pids,
    memoryBytes: sum('memoryBytes'),
    cpuSeconds: sum('cpuSeconds'),
    restarts: processes.reduce((total, one) => total + one.restarts, 0),
    // A container's are the engine's.
    logs: entry.runtime === 'docker' ? [] : logsOf(stack, entry.unit),
  };
}

function healthOf(entry: RegistryEntry, runs: boolean, sick: boolean, failed: boolean): UnitStatus['health'] {
  if (entry.kind !== 'service') return failed ? 'failed' : 'done';
  if (!runs) return failed ? 'failed' : 'down';
  return sick ? 'unhealthy' : 'healthy';
}

const neverDeployed = (stack: StackPaths, name: string, layer: string, problem: string): UnitStatus => ({
  name,
  layer,
  summary: '',
  health: 'failed',
  problem,
  pids: [],
  restarts: 0,
  logs: logsOf(stack, name),
});
