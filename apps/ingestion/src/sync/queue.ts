import { mkdir, readdir, rm } from 'node:fs/promises';
import * as path from 'node:path';
import { isAlive } from '@stack/supervisor';
import type { FastifyBaseLogger } from 'fastify';
import { killGroup } from '../connectors/run';
import { Interrupted, SyncError, messageOf } from '../errors';
import type { Job } from '../store/jobs';
import { type Parts, attempt } from './attempt';
import { JobLog } from './log';

/** Milliseconds between two looks at the queue when nothing else asks for one, and between two tries to write a job's end down. */
const LOOK = 30_000;
const WRITE_AGAIN = 1_000;
/** Logs of this many jobs are kept. */
const LOGS_KEPT = 500;

/** Runs the jobs that are due, some at once; each connection has one at a time. */
export class Queue {
  private readonly running = new Map<number, { controller: AbortController; ended: Promise<void> }>();
  private timer?: NodeJS.Timeout;
  private stopping = false;
  private looking = false;
  private again = false;

  constructor(
    private readonly parts: Parts,
    private readonly log: FastifyBaseLogger,
  ) {}

  /** Takes up what a service that ended left: its connectors are ended, its jobs get another attempt. */
  async start(): Promise<void> {
    const { settings } = this.parts;
    await this.takeUp();
    // Its content only: in a container the folder itself is a mount.
    const left = await readdir(settings.jobsDir).catch(() => []);
    await Promise.all(
      left.map((name) => rm(path.join(settings.jobsDir, name), { recursive: true, force: true })),
    );
    await mkdir(settings.jobsDir, { recursive: true });
    await this.forgetOldLogs();
    this.kick();
  }

  /** Looks for jobs that may start; to be called when there may be one. */
  kick(): void {
    this.again = true;
    if (this.looking || this.stopping) return;
    this.looking = true;
    this.look().then(
      () => {
        this.looking = false;
        if (this.again) this.kick();
      },
      (error: unknown) => {
        this.looking = false;
        this.log.error({ err: error }, 'the queue of jobs could not be read; trying again');
        this.later(WRITE_AGAIN);
      },
    );
  }

  /** Cancels a job that isn't over; ends when it is. */
  async cancel(id: number): Promise<void> {
    const { jobs } = this.parts;
    for (;;) {
      const here = this.running.get(id);
      if (here) {
        here.controller.abort('cancelled');
        return here.ended;
      }
      if (await jobs.cancelWaiting(id)) return;
      if ((await jobs.find(id))?.status !== 'running') return;
      // It is being taken just now: a moment later it is here.
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  /** Ends the jobs under way, which go back into the queue. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    const under = [...this.running.values()];
    for (const { controller } of under) controller.abort('stopping');
    await Promise.all(under.map(({ ended }) => ended));
  }

  logFile(id: number): string {
    return path.join(this.parts.settings.logsDir, `${id}.log`);
  }

  /** Jobs that run by what PostgreSQL says, and by nobody here: whoever ran them is gone. */
  private async takeUp(): Promise<void> {
    for (const job of await this.parts.jobs.running()) {
      if (this.running.has(job.id)) continue;
      if (job.pid && job.pid_start && isAlive(job.pid, job.pid_start)) killGroup(job.pid, 'SIGKILL');
      await this.failed(job, new SyncError('the ingestion service ended while the job ran', true));
    }
  }

  private async look(): Promise<void> {
    const { jobs, settings } = this.parts;
    while (this.again) {
      this.again = false;
      await this.takeUp();
      while (this.running.size < settings.parallel && !this.stopping) {
        const job = await jobs.take();
        if (!job) break;
        const controller = new AbortController();
        const ended = this.run(job, controller.signal).finally(() => {
          this.running.delete(job.id);
          this.kick();
        });
        this.running.set(job.id, { controller, ended });
      }
    }
    const next = this.running.size < settings.parallel ? await jobs.nextIn() : undefined;
    this.later(next === undefined ? LOOK : Math.min(next + 10, LOOK));
  }

  private later(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.kick(), ms);
    this.timer.unref();
  }

  /** Never rejects: whatever happens becomes the job's status. */
  private async run(job: Job, signal: AbortSignal): Promise<void> {
    const { jobs } = this.parts;
    let log: JobLog | undefined;
    const openLog = (secrets: string[]): JobLog => (log = new JobLog(this.logFile(job.id), secrets));
    this.log.info({ job: job.id, connection: job.connection_id, attempt: job.attempts }, 'job started');
    try {
      const { rows, quarantined } = await attempt(this.parts, job, signal, openLog);
      await this.written(() => jobs.succeeded(job.id, rows, quarantined));
      this.log.info({ job: job.id, rows, quarantined }, 'job succeeded');
    } catch (error) {
      log ??= openLog([]);
      try {
        if (error instanceof Interrupted || signal.aborted) await this.interrupted(job, signal, log);
        else await this.failed(job, error, log);
      } catch (second) {
        // PostgreSQL is gone, and this service stops: the next start takes the job up.
        this.log.error({ err: second, job: job.id }, "a job's end could not be written down");
      }
    } finally {
      await log?.close();
    }
  }

  private async interrupted(job: Job, signal: AbortSignal, log: JobLog): Promise<void> {
    const stopping = signal.reason === 'stopping';
    log.write('INFO', stopping ? 'the service stops: the job goes on when it is back' : 'cancelled');
    const { jobs } = this.parts;
    await this.written(() => (stopping ? jobs.postponed(job.id) : jobs.cancelled(job.id)));
    this.log.info({ job: job.id }, stopping ? 'job postponed' : 'job cancelled');
  }

  private async failed(job: Job, error: unknown, log?: JobLog): Promise<void> {
    const { jobs, settings } = this.parts;
    const known = error instanceof SyncError;
    // What nobody foresaw (PostgreSQL restarted, a full disk) may be over soon.
    const again = (!known || error.retry) && job.attempts < settings.attempts;
    const wait = again ? settings.backoffMs * 2 ** (job.attempts - 1) : undefined;
    log?.write('ERROR', messageOf(error), ...(known || !(error instanceof Error) ? [] : [error.stack]));
    if (wait !== undefined) log?.write('INFO', `trying again in ${wait} ms`);
    await this.written(() => jobs.failed(job.id, messageOf(error), wait));
    this.log.warn({ job: job.id, attempt: job.attempts, again, reason: messageOf(error) }, 'job failed');
  }

  /** Writes it down, as often as it takes: PostgreSQL may be restarting. */
  private async written(write: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (this.stopping) throw error;
        this.log.warn({ err: error }, "a job's end could not be written down; trying again");
        await new Promise((done) => setTimeout(done, WRITE_AGAIN));
      }
    }
  }

  private async forgetOldLogs(): Promise<void> {
    const { logsDir } = this.parts.settings;
    await mkdir(logsDir, { recursive: true });
    const ids = (await readdir(logsDir))
      .filter((name) => /^\d+\.log$/.test(name))
      .map((name) => parseInt(name, 10));
    const old = ids.sort((a, b) => b - a).slice(LOGS_KEPT);
    await Promise.all(old.map((id) => rm(this.logFile(id), { force: true })));
  }
}
