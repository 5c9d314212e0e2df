/** What the stack looks like now: the registry joined with what the supervisor sees. */
import type { RegistryEntry } from '@stack/model';
import type { ProcessStatus, Status } from '@stack/supervisor';
import type { StackPaths } from '../stack';
import { LAYERS } from '../units';
import { findSupervisor } from './daemon';
import { readRegistry } from './registry';

export interface UnitStatus {
  readonly name: string;
  readonly layer: string;
  readonly summary: string;
  /** Address of the service; for a person where there is a page. */
  readonly url?: string;
  /** URL that answers 200 when it is healthy, if it speaks HTTP. */
  readonly healthUrl?: string;
  readonly health: 'healthy' | 'unhealthy' | 'down' | 'done';
  readonly reason?: string;
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
}

export async function stackStatus(stack: StackPaths): Promise<StackStatus> {
  const client = await findSupervisor(stack);
  const status = await client?.call('status', {});
  client?.close();
  const layer = (entry: RegistryEntry) => LAYERS.indexOf(entry.layer as never);
  const units = readRegistry(stack)
    .sort((a, b) => layer(a) - layer(b) || a.unit.localeCompare(b.unit))
    .map((entry) => unitStatus(entry, status?.processes.filter((one) => one.unit === entry.unit) ?? []));
  return {
    units,
    supervisor: status && { pid: status.pid, memoryBytes: status.memoryBytes, leases: status.leases },
  };
}

function unitStatus(entry: RegistryEntry, processes: readonly ProcessStatus[]): UnitStatus {
  const [first] = Object.values(entry.ports);
  const sick = processes.find((one) => one.health !== 'healthy');
  const sum = (field: 'memoryBytes' | 'cpuSeconds') =>
    processes.length > 0 ? processes.reduce((total, one) => total + (one[field] ?? 0), 0) : undefined;
  const running = processes.filter((one) => one.pid !== undefined);
  return {
    name: entry.unit,
    layer: entry.layer,
    summary: entry.summary,
    url:
      entry.url ??
      (first && `${first.protocol === 's3' ? 'http' : first.protocol}://127.0.0.1:${first.number}`),
    healthUrl: entry.healthUrl,
    health:
      entry.kind !== 'service' ? 'done' : running.length === 0 ? 'down' : sick ? 'unhealthy' : 'healthy',
    reason: sick && (processes.length > 1 ? `${sick.id}: ${sick.reason}` : sick.reason),
    pid: running[0]?.pid,
    pids: running.map((one) => one.pid as number),
    memoryBytes: sum('memoryBytes'),
    cpuSeconds: sum('cpuSeconds'),
    restarts: processes.reduce((total, one) => total + one.restarts, 0),
    logs: processes.map((one) => one.log),
  };
}
