/**
 * What the system says of processes: Linux through /proc, elsewhere (macOS) through `ps`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';

export interface ProcessRow {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly cpuSeconds: number;
}

const linux = process.platform === 'linux';
/** Clock ticks a second that /proc counts in: 100 on every Linux that Node supports. */
const TICKS = 100;

interface Stat extends ProcessRow {
  readonly state: string;
  readonly start: string;
}

function stat(pid: number): Stat | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the command in parentheses and may itself contain spaces and parentheses.
    const f = line.slice(line.lastIndexOf(')') + 2).split(' ');
    return {
      pid,
      state: f[0],
      ppid: Number(f[1]),
      pgid: Number(f[2]),
      cpuSeconds: (Number(f[11]) + Number(f[12])) / TICKS,
      start: f[19],
    };
  } catch {
    return undefined;
  }
}

/**
 * When the process started, in the system's own notation; undefined when it isn't there. Together with the pid it names
 * one process for good: pids are used again, and a zombie counts as gone.
 */
export function startTime(pid: number): string | undefined {
  if (linux) {
    const s = stat(pid);
    return s && s.state !== 'Z' && s.state !== 'X' ? s.start : undefined;
  }
  try {
    const out = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return out && !out.startsWith('Z') ? out.replace(/^\S+\s+/, '') : undefined;
  } catch {
    return undefined;
  }
}

export const isAlive = (pid: number, start: string): boolean => startTime(pid) === start;

export function listProcesses(): ProcessRow[] {
  if (linux) {
    return readdirSync('/proc')
      .filter((name) => /^[0-9]+$/.test(name))
      .map((name) => stat(Number(name)))
      .filter((s): s is Stat => s !== undefined && s.state !== 'Z');
  }
  const out = execFileSync('ps', ['-axo', 'pid=,ppid=,pgid=,time='], { encoding: 'utf8' });
  return out
    .trim()
    .split('\n')
    .map((line) => {
      const [pid, ppid, pgid, time] = line.trim().split(/\s+/);
      const seconds = time.split(/[:-]/).reduce((sum, part) => sum * 60 + Number(part), 0);
      return { pid: Number(pid), ppid: Number(ppid), pgid: Number(pgid), cpuSeconds: seconds };
    });
}

/** The process, its descendants, and whoever else is in its process group. */
export function family(root: number, rows: readonly ProcessRow[]): ProcessRow[] {
  const members = new Set([root]);
  for (const row of rows) if (row.pgid === root) members.add(row.pid);
  for (let grew = true; grew;) {
    grew = false;
    for (const row of rows) {
      if (!members.has(row.pid) && members.has(row.ppid)) {
        members.add(row.pid);
        grew = true;
      }
    }
  }
  return rows.filter((row) => members.has(row.pid));
}

/** Proportional set size in bytes; the resident size where there is no PSS. Undefined when the process is gone. */
export function memoryBytes(pid: number): number | undefined {
  if (linux) {
    try {
      const pss = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'));
      if (pss) return Number(pss[1]) * 1024;
    } catch {
      // Another user's process, seen without root: fall through to its resident size.
    }
    try {
      const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
      return rss ? Number(rss[1]) * 1024 : undefined;
    } catch {
      return undefined;
    }
  }
  try {
    return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }).trim()) * 1024;
  } catch {
    return undefined;
  }
}

/** Pids of processes whose working directory is `dir`. Linux only; elsewhere none are found. */
export function processesIn(dir: string): number[] {
  if (!linux || !existsSync(dir)) return [];
  const real = realpathSync(dir);
  return listProcesses()
    .map((row) => row.pid)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === real;
      } catch {
        return false;
      }
    });
}
