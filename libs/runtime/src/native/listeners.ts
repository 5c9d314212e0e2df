/** Who listens on a TCP port of this machine. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';

export interface Listener {
  /** Undefined when the process belongs to another user. */
  readonly pid?: number;
  readonly command?: string;
}

/** The process that listens on the port; undefined when nobody does. */
export function listenerOn(port: number): Listener | undefined {
  return existsSync('/proc/net/tcp') ? fromProc(port) : fromLsof(port);
}

/** `postgres (pid 4711)`, or what is known of it. */
export const describeListener = ({ pid, command }: Listener): string =>
  pid === undefined ? "another user's process" : `${command ?? 'a process'} (pid ${pid})`;

const LISTEN = '0A';

function fromProc(port: number): Listener | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = ['/proc/net/tcp', '/proc/net/tcp6']
    .filter((table) => existsSync(table))
    .flatMap((table) => readFileSync(table, 'latin1').split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${hex}`) && fields[3] === LISTEN)
    .map((fields) => `socket:[${fields[9]}]`);
  if (inodes.length === 0) return undefined;
  for (const pid of readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        if (!inodes.includes(readlinkSync(`/proc/${pid}/fd/${fd}`))) continue;
        return { pid: Number(pid), command: readFileSync(`/proc/${pid}/comm`, 'utf8').trim() };
      }
    } catch {
      // Another user's, or gone.
    }
  }
  return {};
}

function fromLsof(port: number): Listener | undefined {
  try {
    const out = execFileSync('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return { pid: Number(/^p(\d+)$/m.exec(out)?.[1]), command: /^c(.+)$/m.exec(out)?.[1] };
  } catch {
    return undefined;
  }
}
