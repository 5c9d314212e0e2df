/** PostgreSQL refuses to run as root: natively, root hands it to another account. */
import { readFileSync, statSync } from 'node:fs';
import * as path from 'node:path';

export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** Capability that lets it pass through folders which only root may enter, such as a checkout below /root. */
  readonly capability?: string;
}

/**
 * The account to run as; undefined when we aren't root. The data folder's owner if it has another than root already, else the
 * system's `postgres`, else `nobody`.
 * @param paths what it must be able to reach
 */
export function serverAccount(dataFolder: string, paths: readonly string[]): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(dataFolder);
  const account =
    owner.uid === 0
      ? (passwd('postgres') ?? passwd('nobody') ?? { uid: 65_534, gid: 65_534 })
      : { uid: owner.uid, gid: owner.gid };
  return paths.every(reachable) ? account : { ...account, capability: passingCapability() };
}

/** The command as that account: by the spawner's own means, or through setpriv (util-linux) when it needs a capability. */
export function as(
  account: Account | undefined,
  command: string,
  args: readonly string[],
): { command: string; args: readonly string[]; uid?: number; gid?: number } {
  if (!account) return { command, args };
  const { uid, gid, capability } = account;
  if (!capability) return { command, args, uid, gid };
  const drop = [
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    `--inh-caps=+${capability}`,
    `--ambient-caps=+${capability}`,
    '--',
  ];
  return { command: '/usr/bin/setpriv', args: [...drop, command, ...args] };
}

function passwd(name: string): Account | undefined {
  const fields = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([user]) => user === name);
  return fields && { uid: Number(fields[2]), gid: Number(fields[3]) };
}

/** Whether everybody may enter every folder on the way. */
function reachable(target: string): boolean {
  for (let folder = path.dirname(target); ; folder = path.dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === path.dirname(folder)) return true;
  }
}

const DAC_OVERRIDE = 1n;
const DAC_READ_SEARCH = 2n;

/** The weakest capability of ours that is enough; containers often have only the stronger one. */
function passingCapability(): string {
  const effective = BigInt(
    `0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0'}`,
  );
  return (effective >> DAC_READ_SEARCH) & 1n || !((effective >> DAC_OVERRIDE) & 1n)
    ? 'dac_read_search'
    : 'dac_override';
}
