import { spawn } from 'node:child_process';
import { SyncError, Interrupted, messageOf } from '../errors';
import type { Connector } from './installed';
import { readLines } from './lines';
import type { JobLog } from '../sync/log';
import { type Message, type Trace, parseMessage, streamKey } from './protocol';

export interface Run {
  connector: Connector;
  /** `['read', '--config', …]`. */
  args: readonly string[];
  /** Its working folder, also for its temporary files. */
  cwd: string;
  log: JobLog;
  /** Bytes of the longest line. */
  lineLimit: number;
  signal: AbortSignal;
  /** Gets every message but LOG and TRACE, with its line; what it returns is waited for. */
  onMessage: (message: Message, line: string) => void | Promise<void>;
  onStart?: (pid: number) => void | Promise<void>;
}

/** How long a connector may take to end after SIGTERM, in milliseconds. */
const GRACE = 3_000;

/** What says how this machine reaches the network; nothing else of our environment, which has secrets. */
const PASSED_ON =
  /^(PATH|HOME|USER|LANG|TZ|(https?|all|no)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|AWS_CA_BUNDLE)$/i;

/**
 * Runs a connector to its end, in a process group of its own that doesn't outlive it.
 *
 * @throws SyncError with the connector's own message when it fails; Interrupted when `signal` aborts
 */
export async function runConnector(run: Run): Promise<void> {
  const { connector, log, signal } = run;
  if (signal.aborted) throw new Interrupted('interrupted');
  const child = spawn(connector.program, [...run.args], {
    cwd: run.cwd,
    detached: true,
    env: environment(run.cwd),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = new Promise<{ code: number | null; by: string | null; error?: Error }>((resolve) => {
    child.once('error', (error) => resolve({ code: null, by: null, error }));
    child.once('exit', (code, by) => {
      // A child of its own that it left behind would keep our pipes open.
      killGroup(child.pid, 'SIGKILL');
      resolve({ code, by });
    });
  });
  const stop = (): void => {
    killGroup(child.pid, 'SIGTERM');
    setTimeout(() => killGroup(child.pid, 'SIGKILL'), GRACE).unref();
  };
  signal.addEventListener('abort', stop, { once: true });
  const failures: Trace[] = [];
  let problem: unknown;
  try {
    // Both are read from the first moment on: of a child that has ended, Node throws away what nobody reads.
    const output = follow(child.stdout, run, failures).catch((error: unknown) => {
      problem = error;
      killGroup(child.pid, 'SIGKILL');
    });
    const errors = followErrors(child.stderr, log);
    if (child.pid) await run.onStart?.(child.pid);
    await Promise.all([output, errors]);
  } catch (error) {
    problem ??= error;
    killGroup(child.pid, 'SIGKILL');
  } finally {
    await exit;
    signal.removeEventListener('abort', stop);
  }
  if (signal.aborted) throw new Interrupted('interrupted');
  if (problem !== undefined) throw withLastLines(connector, problem, log);
  const { code, by, error } = await exit;
  if (error) throw new SyncError(`${connector.name} can't be started: ${error.message}`);
  if (failures.length > 0) throw fromTrace(connector, failures, log);
  if (code === 0) return;
  const how = by ? `it was ended by ${by}` : `exit status ${code}`;
  throw new SyncError(`${connector.name} failed: ${how}${lastLines(log)}`, true);
}

async function follow(stdout: AsyncIterable<Buffer>, run: Run, failures: Trace[]): Promise<void> {
  for await (const lines of readLines(stdout, run.lineLimit)) {
    for (const line of lines) {
      const message = parseMessage(line);
      if (!message)
        throw new SyncError(
          `it wrote a line that is no Airbyte message: ${JSON.stringify(line.slice(0, 200))}`,
        );
      if (message.type === 'LOG')
        run.log.write(message.log.level, message.log.message, message.log.stack_trace);
      else if (message.type === 'TRACE') trace(message.trace, run.log, failures);
      else {
        const done = run.onMessage(message, line);
        if (done) await done;
      }
    }
  }
}

function trace(trace: Trace, log: JobLog, failures: Trace[]): void {
  if (trace.type === 'ERROR' && trace.error) {
    log.write('ERROR', trace.error.message, trace.error.internal_message, trace.error.stack_trace);
    failures.push(trace);
  }
  if (trace.type === 'STREAM_STATUS' && trace.stream_status?.status === 'INCOMPLETE') failures.push(trace);
}

async function followErrors(stderr: AsyncIterable<Buffer>, log: JobLog): Promise<void> {
  try {
    // Its own lines may be of any kind; a long one is cut.
    for await (const chunk of stderr)
      for (const line of chunk.toString('utf8').split('\n'))
        if (line.trim()) log.write('STDERR', line.trimEnd());
  } catch (error) {
    log.write('WARN', `its standard error can't be read further: ${messageOf(error)}`);
  }
}

function fromTrace(connector: Connector, failures: Trace[], log: JobLog): SyncError {
  const error = failures.find((one) => one.error)?.error;
  if (error) {
    const inside = error.internal_message?.split('\n')[0];
    const more = inside && inside !== error.message ? ` (${inside})` : '';
    return new SyncError(
      `${connector.name} failed: ${error.message}${more}${lastLines(log)}`,
      error.failure_type !== 'config_error',
    );
  }
  const streams = failures.flatMap((one) => one.stream_status?.stream_descriptor ?? []).map(streamKey);
  return new SyncError(`${connector.name} didn't complete ${streams.join(', ')}${lastLines(log)}`, true);
}

function withLastLines(connector: Connector, problem: unknown, log: JobLog): unknown {
  if (!(problem instanceof SyncError)) return problem;
  return new SyncError(`${connector.name} failed: ${problem.message}${lastLines(log)}`, problem.retry);
}

const lastLines = (log: JobLog): string =>
  log
    .last()
    .map((line) => `\n  | ${line}`)
    .join('');

/** Ends whoever is left of a connector's process group. */
export function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (!pid) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody is left.
  }
}

function environment(temporary: string): Record<string, string> {
  const passed = Object.entries(process.env).filter(
    ([name, value]) => PASSED_ON.test(name) && value !== undefined,
  );
  return {
    ...(Object.fromEntries(passed) as Record<string, string>),
    TMPDIR: temporary,
    DO_NOT_TRACK: '1',
  };
}
