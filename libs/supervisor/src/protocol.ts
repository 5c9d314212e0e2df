/**
 * What goes over the supervisor's Unix socket: one JSON object a line, both ways. A reply carries its request's `id`.
 */

export type ResolvedProbe =
  | {
      readonly type: 'http';
      readonly url: string;
      readonly status?: readonly number[];
      readonly contains?: string;
      /** Name of a number in the answer, seconds since 1970, that must lie after the process's start. */
      readonly since?: string;
      readonly body?: string;
    }
  | { readonly type: 'postgres' | 'redis' | 'kafka'; readonly host: string; readonly port: number }
  | { readonly type: 'grpc'; readonly host: string; readonly port: number; readonly service: string };

export interface ProcessSpec {
  /** `<unit>/<process>`. */
  readonly id: string;
  readonly unit: string;
  /** Ids of the unit's processes that have to be ready before this one starts. */
  readonly after: readonly string[];
  /** Of everything that makes it what it is; a different one means restart. */
  readonly hash: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
  readonly pidFile?: string;
  readonly dataDir?: string;
  readonly stopSignal: 'SIGTERM' | 'SIGINT' | 'SIGQUIT';
  /** Milliseconds until SIGKILL. */
  readonly stopTimeout: number;
  /** Milliseconds that a start may take. */
  readonly startTimeout: number;
  readonly ready: ResolvedProbe;
  /** Log file, absolute. */
  readonly log: string;
  /** Units that this one needs: they stop after it. */
  readonly dependsOn: readonly string[];
}

export type ProcessState = 'starting' | 'healthy' | 'backoff' | 'stopping' | 'stopped' | 'failed';

export interface ProcessStatus {
  readonly id: string;
  readonly unit: string;
  readonly state: ProcessState;
  /** What its probe answers now; with the reason when it isn't healthy. */
  readonly health: 'healthy' | 'unhealthy';
  readonly reason?: string;
  readonly pid?: number;
  readonly hash: string;
  /** Seconds. */
  readonly uptime?: number;
  /** Starts after the first. */
  readonly restarts: number;
  /** Proportional set size of the process and its descendants (resident size where the system has no PSS). */
  readonly memoryBytes?: number;
  /** User and system time of the process and its descendants. */
  readonly cpuSeconds?: number;
  readonly log: string;
}

export interface LeaseHolder {
  readonly name: string;
  readonly owner: string;
  readonly pid: number;
  /** ISO 8601. */
  readonly since: string;
}

export interface Status {
  readonly pid: number;
  /** Digest of the supervisor's own program. */
  readonly build: string;
  readonly memoryBytes?: number;
  readonly processes: readonly ProcessStatus[];
  readonly leases: readonly LeaseHolder[];
}

export interface ApplyResult {
  /** Ids that were started or restarted. */
  readonly started: readonly string[];
  /** Ids that ran already as wanted. */
  readonly unchanged: readonly string[];
  readonly stopped: readonly string[];
}

/** Each operation: what it takes and what it answers. */
export interface Operations {
  /** Who is there. */
  hello: [Record<never, never>, { pid: number; build: string }];
  /** Makes the unit's processes these, in this order; answers when all are ready. */
  apply: [{ unit: string; processes: readonly ProcessSpec[] }, ApplyResult];
  restart: [{ unit: string }, ApplyResult];
  stop: [{ unit: string }, { stopped: readonly string[] }];
  status: [Record<never, never>, Status];
  'lease.acquire': [{ name: string; owner: string; pid: number }, { token: string }];
  'lease.release': [{ token: string }, Record<never, never>];
  /** Stops everything, dependants first, and ends. */
  shutdown: [Record<never, never>, { stopped: readonly string[] }];
  /** Ends and leaves the processes to a successor. */
  handover: [Record<never, never>, Record<never, never>];
}

export type Operation = keyof Operations;

export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly remedy?: string;
  /** The end of the log, for a process that failed. */
  readonly details?: readonly string[];
}

export type Reply = { id: number } & (
  | ({ ok: true } & Record<string, unknown>)
  | { ok: false; error: WireError }
  | { event: 'waiting'; holder: LeaseHolder }
);

/** An error that goes to the client as it is. */
export class OperationError extends Error {
  constructor(readonly wire: WireError) {
    super(wire.message);
  }
}
