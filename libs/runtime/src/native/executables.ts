/** Finds programs: the project's own Python environment first, then PATH. */
import { accessSync, constants, statSync } from 'node:fs';
import * as path from 'node:path';
import { StackError } from '@stack/model';

/** Where system daemons live, which isn't on every user's PATH. */
const SYSTEM = [
  '/usr/local/bin',
  '/usr/bin',
  '/bin',
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
  '/opt/homebrew/bin',
];

export const venvBin = (workspace: string): string => path.join(workspace, '.venv', 'bin');

/** @throws StackError naming what to run when there is no such program. */
export function findExecutable(workspace: string, name: string): string {
  const folders = [venvBin(workspace), ...(process.env.PATH ?? '').split(path.delimiter), ...SYSTEM];
  for (const folder of folders) {
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not in this folder.
    }
  }
  throw new StackError(
    'MISSING_TOOL',
    `${name} isn't installed: it is neither in .venv nor on PATH`,
    'make setup',
  );
}

/** From the caller's environment, because they say how this machine reaches the network; not part of a unit's hash. */
const PASSED_ON =
  /^(HOME|USER|LOGNAME|TMPDIR|(https?|all|no)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|AWS_CA_BUNDLE|NODE_EXTRA_CA_CERTS)$/i;

/** The environment every process starts from: the same PATH whoever deploys, so that nothing restarts because of a shell. */
export function baseEnvironment(workspace: string): Record<string, string> {
  const passed = Object.entries(process.env).filter(
    ([name, value]) => PASSED_ON.test(name) && value !== undefined,
  );
  return {
    ...(Object.fromEntries(passed) as Record<string, string>),
    PATH: [venvBin(workspace), path.dirname(process.execPath), ...SYSTEM].join(path.delimiter),
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    DO_NOT_TRACK: '1',
  };
}
