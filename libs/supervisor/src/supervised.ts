/**
 * One supervised process: starts it, asks whether it is ready, starts it again when it dies, stops it.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import * as net from 'node:net';
import { logSize, openLog, tail } from './logs';
import { probe } from './probe';
import { family, isAlive, listProcesses, processesIn, startTime } from './process-info';
import { OperationError, type ProcessSpec, type ProcessState } from './protocol';

/** Milliseconds before the n-th restart in a row; the last one repeats. */
const BACKOFF = [0, 0, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000];
/** Up for so long, its earlier crashes are forgotten. */
const STABLE = 10_000;
/** Crashes in a row that make a start, asked for by a deploy, a failure. */
const CRASHES = 3;

const sleep = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

/** What a successor needs to adopt a process. */
export interface Saved {
  readonly spec: ProcessSpec;
  readonly pid?: number;
  readonly start?: string;
  readonly startedAt?: number;
  readonly logStart: number;
  readonly restarts: number;
  readonly state: ProcessState;
}

export class Supervised {
  state: ProcessState = 'stopped';
  pid?: number;
  restarts = 0;
  startedAt?: number;
  private start?: string;
  private logStart = 0;
  private crashes = 0;
  private wanted = false;
  /** Counts starts and stops, so that what belongs to an earlier one (a probe, a timer) knows that it is late. */
  private turn = 0;
  private timer?: NodeJS.Timeout;
  private watch?: net.Socket;
  private lastExit = '';

  /**
   * @param runDir folder for the FIFO whose end of file tells a successor at once that the process has died
   * @param changed called before and after each change that a successor must know of
   */
  constructor(
    readonly spec: ProcessSpec,
    private readonly runDir: string,
    private readonly changed: () => void,
  ) {}

  save(): Saved {
    const { spec, pid, start, startedAt, logStart, restarts, state } = this;
    return { spec, pid, start, startedAt, logStart, restarts, state };
  }

  /** Goes on with a process that an earlier supervisor started; starts it when it has died meanwhile. */
  adopt(saved: Saved): void {
    this.restarts = saved.restarts;
    this.logStart = saved.logStart;
    if (saved.state === 'stopped' || saved.state === 'failed' || saved.state === 'stopping') {
      this.state = saved.state === 'stopping' ? 'stopped' : saved.state;
      killFamily(saved.pid, saved.start);
      return;
    }
    this.wanted = true;
    const turn = ++this.turn;
    if (saved.pid && saved.start && isAlive(saved.pid, saved.start)) {
      this.pid = saved.pid;
      this.start = saved.start;
      this.startedAt = saved.startedAt;
      this.state = 'starting';
      this.watchAdopted(turn);
      void this.awaitReady(turn);
    } else {
      killFamily(saved.pid, saved.start);
      this.restarts++;
      void this.launch(turn);
    }
  }

  /** Starts it and resolves when it is ready; rejects with the end of its log when it dies or takes too long. */
  async begin(): Promise<void> {
    this.wanted = true;
    this.crashes = 0;
    const turn = ++this.turn;
    clearTimeout(this.timer);
    await this.launch(turn);
    const deadline = Date.now() + this.spec.startTimeout;
    for (;;) {
      if (this.turn !== turn && !this.wanted) throw this.failure('was stopped while it started');
      if (this.state === 'healthy') return;
      if (this.crashes >= CRASHES) {
        await this.giveUp();
        throw this.failure(`died ${CRASHES} times in a row (${this.lastExit})`);
      }
      if (Date.now() > deadline) {
        const reason = await this.ask().then(
          () => '',
          (error: Error) => error.message,
        );
        if (!reason) continue;
        await this.giveUp();
        throw this.failure(`isn't ready after ${Math.round(this.spec.startTimeout / 1000)} s: ${reason}`);
      }
      await sleep(10);
    }
  }

  /** Ends it: its stop signal, and SIGKILL to its whole process group when it takes too long. */
  async stop(): Promise<void> {
    this.wanted = false;
    this.turn++;
    clearTimeout(this.timer);
    this.watch?.destroy();
    const { pid, start } = this;
    if (pid && start && isAlive(pid, start)) {
      this.state = 'stopping';
      this.changed();
      try {
        process.kill(pid, this.spec.stopSignal);
      } catch {
        // Gone between the question and the signal.
      }
      const deadline = Date.now() + this.spec.stopTimeout;
      while (isAlive(pid, start) && Date.now() < deadline) await sleep(10);
    }
    killFamily(pid, start);
    this.pid = undefined;
    this.state = 'stopped';
    this.changed();
  }

  private ask(): Promise<void> {
    return probe(this.spec.ready, this.startedAt);
  }

  /** What it answers now. */
  async health(): Promise<{ health: 'healthy' | 'unhealthy'; reason?: string }> {
    if (!this.pid) return { health: 'unhealthy', reason: this.lastExit || this.state };
    return this.ask().then(
      () => ({ health: 'healthy' as const }),
      (error: Error) => ({ health: 'unhealthy' as const, reason: error.message }),
    );
  }

  failure(what: string): OperationError {
    return new OperationError({
      code: 'SERVICE_FAILED',
      message: `${this.spec.id} ${what}`,
      remedy: `read the whole log: ${this.spec.log}`,
      details: tail(this.spec.log, 20, this.logStart),
    });
  }

  private async launch(turn: number): Promise<void> {
    killFamily(this.pid, this.start);
    this.pid = undefined;
    this.state = 'starting';
    await this.clearTheWay();
    if (this.turn !== turn || !this.wanted) return;
    this.changed();
    const { spec } = this;
    this.logStart = logSize(spec.log);
    const log = openLog(spec.log);
    const alive = this.openFifo();
    let child: ChildProcess;
    try {
      child = spawn(spec.command, spec.args, {
        cwd: spec.cwd,
        env: spec.env,
        uid: spec.uid,
        gid: spec.gid,
        detached: true,
        stdio: ['ignore', log, log, alive.write],
      });
    } finally {
      closeSync(log);
      closeSync(alive.write);
      closeSync(alive.read);
    }
    // Both may come, or either: a program that can't be started has no exit.
    let ended = false;
    const end = (how: string) => {
      if (ended) return;
      ended = true;
      if (this.turn === turn) this.died(how);
    };
    child.on('error', (error) => end(`can't be started: ${error.message}`));
    child.on('exit', (code, signal) => end(signal ? `killed by ${signal}` : `exit status ${code}`));
    child.unref();
    if (!child.pid) return;
    this.pid = child.pid;
    this.start = startTime(child.pid);
    this.startedAt = Date.now();
    this.changed();
    void this.awaitReady(turn);
  }

  /**
   * Waits until nobody sits in the data folder any more (PostgreSQL's backends outlive a killed postmaster for a moment), then
   * removes the pid file that the killed one left.
   */
  private async clearTheWay(): Promise<void> {
    const { pidFile, dataDir } = this.spec;
    const patience = Date.now() + 5_000;
    while (dataDir && processesIn(dataDir).length > 0) {
      if (Date.now() > patience) return;
      await sleep(20);
    }
    if (!pidFile || !existsSync(pidFile)) return;
    const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
    const nobodyThere = process.platform === 'linux' && dataDir !== undefined;
    if (!(pid > 0) || startTime(pid) === undefined || nobodyThere) rmSync(pidFile, { force: true });
  }

  private async awaitReady(turn: number): Promise<void> {
    for (let pause = 10; this.turn === turn && this.pid; pause = Math.min(pause * 1.3, 250)) {
      try {
        await this.ask();
        if (this.turn !== turn || this.state !== 'starting') return;
        this.state = 'healthy';
        this.changed();
        return;
      } catch {
        await sleep(pause);
      }
      if (this.turn !== turn || this.state !== 'starting') return;
    }
  }

  private died(how: string): void {
    this.lastExit = how;
    const up = this.startedAt ? Date.now() - this.startedAt : 0;
    killFamily(this.pid, this.start);
    this.pid = undefined;
    this.crashes = up > STABLE ? 1 : this.crashes + 1;
    if (!this.wanted) return;
    this.state = 'backoff';
    this.restarts++;
    this.changed();
    const delay = BACKOFF[Math.min(this.crashes - 1, BACKOFF.length - 1)];
    const again = ++this.turn;
    const relaunch = () => {
      if (this.turn === again && this.wanted) void this.launch(again);
    };
    if (delay === 0) relaunch();
    else this.timer = setTimeout(relaunch, delay);
  }

  private async giveUp(): Promise<void> {
    await this.stop();
    this.state = 'failed';
    this.changed();
  }

  private get fifo(): string {
    return `${this.runDir}/${this.spec.id.replace('/', '.')}.alive`;
  }

  private openFifo(): { read: number; write: number } {
    if (!existsSync(this.fifo)) execFileSync('mkfifo', ['-m', '600', this.fifo]);
    const read = openSync(this.fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    return { read, write: openSync(this.fifo, constants.O_WRONLY) };
  }

  /** Notices the end of a process that isn't our child: end of file of its FIFO, and a slow look behind it. */
  private watchAdopted(turn: number): void {
    const { pid, start } = this;
    if (!pid || !start) return;
    const check = () => {
      if (this.turn !== turn || isAlive(pid, start)) return false;
      this.watch?.destroy();
      clearInterval(slow);
      this.died('ended');
      return true;
    };
    const slow = setInterval(() => {
      if (this.turn !== turn) clearInterval(slow);
      else check();
    }, 1_000);
    if (!existsSync(this.fifo)) return;
    this.watch = new net.Socket({
      fd: openSync(this.fifo, constants.O_RDONLY | constants.O_NONBLOCK),
      readable: true,
      writable: false,
    });
    this.watch.resume();
    this.watch.on('error', () => undefined);
    this.watch.on('end', () => {
      // The descriptor closes a moment before the process counts as dead.
      const soon = (left: number) => {
        if (!check() && left > 0) setTimeout(() => soon(left - 1), 2);
      };
      soon(50);
    });
  }
}

/**
 * Kills the process, its descendants and its process group. A pid that belongs to another process by now is left alone; so is
 * its group, since the system doesn't give a pid away while a group of that number has members.
 */
function killFamily(pid: number | undefined, start: string | undefined): void {
  if (!pid) return;
  const now = startTime(pid);
  if (now !== undefined && now !== start) return;
  for (const row of family(pid, listProcesses())) {
    try {
      process.kill(row.pid, 'SIGKILL');
    } catch {
      // Already gone.
    }
  }
}
