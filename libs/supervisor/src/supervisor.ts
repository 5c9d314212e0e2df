/**
 * The set of supervised processes and the leases, saved so that a successor can go on; and the operations on them.
 */
import { existsSync, readFileSync } from 'node:fs';
import { writeAtomic } from './files';
import { type Lease, Leases } from './leases';
import { rotate } from './logs';
import { family, listProcesses, memoryBytes } from './process-info';
import {
  type ApplyResult,
  OperationError,
  type ProcessSpec,
  type ProcessStatus,
  type Status,
} from './protocol';
import { type Saved, Supervised } from './supervised';

interface State {
  readonly processes: readonly Saved[];
  readonly leases: readonly Lease[];
}

export class Supervisor {
  private readonly processes = new Map<string, Supervised>();
  readonly leases: Leases;
  /** Per unit, the operation under way: the next one on that unit waits for it. */
  private readonly busy = new Map<string, Promise<unknown>>();

  /**
   * @param runDir folder for its state file and FIFOs
   * @param build digest of its own program
   */
  constructor(
    private readonly runDir: string,
    private readonly build: string,
  ) {
    const saved = this.load();
    this.leases = new Leases(saved.leases, () => this.save());
    for (const one of saved.processes) {
      const supervised = this.supervise(one.spec);
      supervised.adopt(one);
    }
    this.save();
    setInterval(() => {
      this.leases.sweep();
    }, 500);
    setInterval(() => {
      for (const { spec } of this.processes.values()) rotate(spec.log);
    }, 15_000);
  }

  /** Makes the unit's processes these; each starts when those that it comes after are ready. */
  apply(unit: string, specs: readonly ProcessSpec[]): Promise<ApplyResult> {
    return this.inTurn(unit, async () => {
      const wanted = new Set(specs.map((spec) => spec.id));
      const stopped: string[] = [];
      for (const old of [...this.of(unit)].reverse()) {
        if (wanted.has(old.spec.id)) continue;
        await old.stop();
        this.processes.delete(old.spec.id);
        stopped.push(old.spec.id);
      }
      const changed = specs.filter((spec) => {
        const old = this.processes.get(spec.id);
        return !old || old.spec.hash !== spec.hash || old.state === 'failed' || old.state === 'stopped';
      });
      // Later processes of a unit use earlier ones: they stop first.
      for (const spec of [...changed].reverse()) await this.processes.get(spec.id)?.stop();
      const ready = new Map<string, Promise<void>>();
      for (const spec of specs) {
        const before = Promise.all(spec.after.map((id) => ready.get(id)));
        ready.set(
          spec.id,
          before.then(() => (changed.includes(spec) ? this.supervise(spec).begin() : this.settled(spec.id))),
        );
      }
      await allDone([...ready.values()]);
      const started = changed.map((spec) => spec.id);
      const unchanged = specs.map((spec) => spec.id).filter((id) => !started.includes(id));
      this.save();
      return { started, unchanged, stopped };
    });
  }

  restart(unit: string): Promise<ApplyResult> {
    const specs = this.of(unit).map((one) => one.spec);
    if (specs.length === 0) throw unknownUnit(unit);
    return this.stop(unit).then(() => this.apply(unit, specs));
  }

  stop(unit: string): Promise<{ stopped: string[] }> {
    return this.inTurn(unit, async () => {
      const all = [...this.of(unit)].reverse();
      for (const one of all) {
        await one.stop();
        this.processes.delete(one.spec.id);
      }
      this.save();
      return { stopped: all.map((one) => one.spec.id) };
    });
  }

  /** Stops everything, each unit after those that need it; units that don't need one another side by side. */
  async stopAll(): Promise<string[]> {
    const stopped: string[] = [];
    const left = new Set([...this.processes.values()].map((one) => one.spec.unit));
    const needs = (unit: string) => new Set(this.of(unit).flatMap((one) => [...one.spec.dependsOn]));
    while (left.size > 0) {
      const needed = new Set([...left].flatMap((unit) => [...needs(unit)].filter((n) => n !== unit)));
      const free = [...left].filter((unit) => !needed.has(unit));
      const now = free.length > 0 ? free : [...left];
      await Promise.all(now.map(async (unit) => stopped.push(...(await this.stop(unit)).stopped)));
      for (const unit of now) left.delete(unit);
    }
    return stopped;
  }

  async status(): Promise<Status> {
    const rows = listProcesses();
    const processes = await Promise.all(
      [...this.processes.values()].map(async (one): Promise<ProcessStatus> => {
        const members = one.pid ? family(one.pid, rows) : [];
        return {
          id: one.spec.id,
          unit: one.spec.unit,
          state: one.state,
          ...(await one.health()),
          pid: one.pid,
          hash: one.spec.hash,
          uptime: one.pid && one.startedAt ? (Date.now() - one.startedAt) / 1_000 : undefined,
          restarts: one.restarts,
          memoryBytes: one.pid
            ? members.reduce((sum, row) => sum + (memoryBytes(row.pid) ?? 0), 0)
            : undefined,
          cpuSeconds: one.pid ? members.reduce((sum, row) => sum + row.cpuSeconds, 0) : undefined,
          log: one.spec.log,
        };
      }),
    );
    return {
      pid: process.pid,
      build: this.build,
      memoryBytes: memoryBytes(process.pid),
      processes,
      leases: this.leases.list().map(({ name, owner, pid, since }) => ({ name, owner, pid, since })),
    };
  }

  save(): void {
    // During construction the leases aren't there yet.
    const state: State = {
      processes: [...this.processes.values()].map((one) => one.save()),
      leases: this.leases?.list() ?? [],
    };
    writeAtomic(this.stateFile, JSON.stringify(state));
  }

  private get stateFile(): string {
    return `${this.runDir}/supervisor.json`;
  }

  private load(): State {
    if (!existsSync(this.stateFile)) return { processes: [], leases: [] };
    return JSON.parse(readFileSync(this.stateFile, 'utf8')) as State;
  }

  private supervise(spec: ProcessSpec): Supervised {
    const supervised = new Supervised(spec, this.runDir, () => this.save());
    this.processes.set(spec.id, supervised);
    return supervised;
  }

  private of(unit: string): Supervised[] {
    return [...this.processes.values()].filter((one) => one.spec.unit === unit);
  }

  /** Waits until a process that should be up is: it may be restarting after a crash just now. */
  private async settled(id: string): Promise<void> {
    const one = this.processes.get(id);
    if (!one) return;
    const deadline = Date.now() + one.spec.startTimeout;
    for (;;) {
      const { health, reason } = await one.health();
      if (health === 'healthy') return;
      if (Date.now() > deadline) throw one.failure(`isn't healthy: ${reason}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  private inTurn<T>(unit: string, work: () => Promise<T>): Promise<T> {
    const before = this.busy.get(unit) ?? Promise.resolve();
    const after = before.then(work, work);
    this.busy.set(
      unit,
      after.catch(() => undefined),
    );
    return after;
  }
}

const unknownUnit = (unit: string) =>
  new OperationError({
    code: 'UNKNOWN_UNIT',
    message: `${unit} has no process here`,
    remedy: `deploy it: npx nx deploy ${unit}`,
  });

/** Waits for all of them, also when one fails; then throws the first failure. */
async function allDone(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
}
