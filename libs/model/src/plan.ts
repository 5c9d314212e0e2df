import type { Value } from './values';

/**
 * What the native runtime hands to the supervisor: plain data, so that the supervisor never loads a definition.
 */
export interface ProcessPlan {
  /** Name within the unit, e.g. `webserver`. Default: the unit has one process, called `main`. */
  readonly name?: string;
  /** Processes of the unit that have to be ready before this one starts. Default: the one before it in the list. */
  readonly after?: readonly string[];
  /** Executable, absolute. */
  readonly command: string;
  readonly args: readonly string[];
  /** Default: the stack's state folder. */
  readonly cwd?: string;
  /** Added to the definition's `env`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Run as another user; needs root. */
  readonly uid?: number;
  readonly gid?: number;
  /** File in which the program leaves its pid; a stale one is removed before a restart. */
  readonly pidFile?: string;
  /** Folder that only one such process may have open. */
  readonly dataDir?: string;
  /** Default: SIGTERM. */
  readonly stopSignal?: 'SIGTERM' | 'SIGINT' | 'SIGQUIT';
  /** Milliseconds until SIGKILL. Default: 10 000. */
  readonly stopTimeout?: number;
  /** Milliseconds that a start may take until it is ready. Default: 60 000. */
  readonly startTimeout?: number;
  /** Name of the probe in the definition's `ready`, when it has one per process. Default: the process's name. */
  readonly probe?: string;
  /** Files and folders whose content belongs to the process: a change restarts it. */
  readonly sources?: readonly string[];
}

/** What a definition's functions may ask of the native runtime. */
export interface PlanContext {
  readonly unit: string;
  readonly stack: {
    readonly name: string;
    readonly dir: string;
    readonly workspace: string;
    readonly socket: string;
    /** Where the stack's services run. */
    readonly runtime: 'native' | 'docker';
  };
  /** The definition's `env`, resolved. */
  readonly env: Readonly<Record<string, string>>;
  /** Folder that the unit's `build` writes to: `dist/<folder of the unit>`. */
  readonly dist: string;
  /** Own port's number on this machine. */
  port(name: string): number;
  /** Own secret's value; made on first use. */
  secret(name: string): string;
  /** Own secret's file (0600). */
  secretFile(name: string): string;
  /** Own volume's folder; made on first use. */
  volume(name: string): string;
  /** The value as this machine has it. */
  resolve(value: Value): string;
  /** The value as the service itself has it: in a container, names and ports of the stack's network. */
  inside(value: Value): string;
  /** An executable, from the project's own environment first, then from PATH; a StackError naming the remedy when there is none. */
  executable(name: string): string;
  /** Runs a command to its end; a StackError with its last lines when it fails. Returns stdout. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<string>;
  /** Writes a file if its content differs; temporary name, then rename. Returns the path. */
  write(path: string, content: string, mode?: number): string;
  /** Says what is being done, for the progress line. */
  progress(message: string): void;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Text for standard input: the way to hand over a secret. */
  readonly input?: string;
  /** What is being done, for the error message. */
  readonly what?: string;
}

/** What a deployed unit says of itself to collectors: the proxy, the status table, later scrape targets and the console. */
export interface RegistryEntry {
  readonly unit: string;
  readonly kind: 'service' | 'module' | 'job';
  readonly layer: string;
  readonly summary: string;
  /** Hash of the wanted state; an equal one means nothing to do. */
  readonly hash: string;
  readonly deployedAt: string;
  /** Folder of the definition, relative to the workspace. */
  readonly root: string;
  readonly dependsOn: readonly string[];
  readonly ports: Readonly<Record<string, { readonly number: number; readonly protocol: string }>>;
  readonly processes: readonly string[];
  /** Where a service's processes are; nothing for what has none. */
  readonly runtime?: 'native' | 'docker';
  /** The address for a person, if there is one. */
  readonly url?: string;
  /** Secret of the unit that the page at that address asks for. */
  readonly token?: string;
  /** The URL that says whether it is healthy, if it is asked by HTTP. */
  readonly healthUrl?: string;
  /** The same as other services reach it. */
  readonly health?: string;
  readonly route?: { readonly host: string; readonly target: string };
  /** Where Prometheus reads its metrics: `host:port` as other services reach it, and the path. */
  readonly metrics?: { readonly target: string; readonly path: string };
  readonly collects: boolean;
}
