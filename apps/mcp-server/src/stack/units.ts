import { readFile } from 'node:fs/promises';
import type { StackView, UnitView } from '@stack/mcp';
import type { RegistryEntry } from '@stack/model';
import { type ProcessStatus, SupervisorClient } from '@stack/supervisor';

export interface UnitsOptions {
  readonly stack: string;
  /** JSON of the registry; undefined: there is none, and only the names are known. */
  readonly registryFile?: string;
  readonly socket?: string;
  /** Units that have an adapter. */
  readonly names: readonly string[];
}

/** An answer to the same question within this is the same: many calls at once look once. */
const FRESH_MS = 500;
/** Milliseconds that a service may take to say that it is well. */
const PATIENCE = 3_000;

type Known = Pick<UnitView, 'health' | 'reason' | 'restarts' | 'memoryBytes'>;

/**
 * What the stack has, and how it is: the registry joined with what the supervisor sees; in containers, whose engine this program
 * can't ask, with what each service answers itself.
 */
export class Units implements StackView {
  readonly name: string;
  private readonly since = new Map<string, { readonly health: string; readonly at: string }>();
  private last?: { readonly at: number; readonly units: Promise<readonly UnitView[]> };

  constructor(private readonly options: UnitsOptions) {
    this.name = options.stack;
  }

  units(): Promise<readonly UnitView[]> {
    const now = Date.now();
    if (!this.last || now - this.last.at > FRESH_MS) this.last = { at: now, units: this.look() };
    return this.last.units;
  }

  async down(unit: string, reason: string): Promise<string> {
    const found = (await this.units().catch(() => [])).find(({ name }) => name === unit);
    if (!found) return `${unit} isn't deployed in the stack ${this.name} (${reason})`;
    const since = found.health === 'healthy' ? '' : ` since ${found.since}`;
    const why = found.reason ?? reason;
    return found.health === 'healthy'
      ? `${unit} doesn't answer (${reason}), although it was healthy at the last look`
      : `${unit} is ${found.health}${since}: ${why}`;
  }

  private async look(): Promise<readonly UnitView[]> {
    const entries = await this.registry();
    const processes = await this.processes();
    const units = entries.map(async (entry): Promise<UnitView> => {
      const { unit, kind, layer, summary, url, deployedAt, dependsOn } = entry;
      const known = await this.healthOf(entry, processes);
      return {
        name: unit,
        kind,
        layer,
        summary,
        ...(url && { url }),
        ...known,
        since: this.sinceWhen(unit, known.health),
        deployedAt,
        dependsOn,
      };
    });
    return Promise.all(units);
  }

  private async registry(): Promise<readonly RegistryEntry[]> {
    const { registryFile: file, names } = this.options;
    if (file) {
      // The deploy writes it when this program is ready: until then there is nothing to tell.
      const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return '[]';
        throw error;
      });
      return JSON.parse(text) as RegistryEntry[];
    }
    return names.map((unit) => ({
      unit,
      kind: 'service',
      layer: 'service',
      summary: '',
      hash: '',
      deployedAt: '',
      root: '',
      dependsOn: [],
      ports: {},
      processes: [],
      collects: false,
    }));
  }

  /** What the supervisor has; undefined where there is none. */
  private async processes(): Promise<readonly ProcessStatus[] | undefined> {
    const { socket } = this.options;
    if (!socket) return undefined;
    const client = await SupervisorClient.connect(socket).catch(() => undefined);
    try {
      return (await client?.call('status', {}))?.processes;
    } catch {
      return undefined;
    } finally {
      client?.close();
    }
  }

  private async healthOf(entry: RegistryEntry, processes?: readonly ProcessStatus[]): Promise<Known> {
    if (entry.kind !== 'service') return { health: 'done' };
    if (!processes) return this.asked(entry);
    const own = processes.filter(({ unit }) => unit === entry.unit);
    if (own.length === 0) return { health: 'down', reason: 'no process of it runs' };
    const sick = own.find(({ health }) => health !== 'healthy');
    const sum = own.reduce((total, { memoryBytes = 0 }) => total + memoryBytes, 0);
    const running = own.some(({ pid }) => pid !== undefined);
    return {
      health: sick ? (running ? 'unhealthy' : 'down') : 'healthy',
      ...(sick && { reason: `${sick.id}: ${sick.reason ?? sick.state}` }),
      restarts: own.reduce((total, { restarts }) => total + restarts, 0),
      ...(sum > 0 && { memoryBytes: sum }),
    };
  }

  private async asked({ health }: RegistryEntry): Promise<Known> {
    if (!health) return { health: 'unknown' };
    try {
      const response = await fetch(health, { signal: AbortSignal.timeout(PATIENCE) });
      await response.body?.cancel();
      if (response.ok) return { health: 'healthy' };
      return { health: 'unhealthy', reason: `answers with status ${response.status}` };
    } catch (error) {
      const { cause, message } = error as Error & { cause?: { code?: string } };
      return { health: 'down', reason: cause?.code ?? message };
    }
  }

  private sinceWhen(unit: string, health: string): string {
    const before = this.since.get(unit);
    if (before?.health === health) return before.at;
    const at = new Date().toISOString();
    this.since.set(unit, { health, at });
    return at;
  }
}
