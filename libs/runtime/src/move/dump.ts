/**
 * PostgreSQL's own programs, which only its image has: a container with them stays for the length of the move and keeps the dumps.
 * It talks to the servers through this machine, where both runtimes have them at the same port.
 */
import { StackError } from '@stack/model';
import type Docker from 'dockerode';
import { orNothing } from '../docker/engine';
import { execIn } from '../docker/exec';
import { LABELS } from '../docker/names';
import { archive } from '../docker/volumes';
import { HOST } from '../native/resolver';
import { type Login, databasesAt } from './rows';

/** What the container is called in its label. */
export const DUMPER = 'move';
const DUMPS = '/dumps';
const PASSWORDS = { folder: '/', name: 'passwords' } as const;
/** Lines of a program's errors that are shown. */
const SHOWN = 10;

interface DumpOptions {
  /** The container's. */
  readonly name: string;
  readonly stack: string;
  /** PostgreSQL's. */
  readonly image: string;
  readonly login: Login;
}

export class Dump {
  private databases: string[] = [];

  private constructor(
    private readonly docker: Docker,
    private readonly container: string,
  ) {}

  /** Starts the container; one that an interrupted move left is removed. */
  static async open(docker: Docker, { name, stack, image, login }: DumpOptions): Promise<Dump> {
    await orNothing(docker.getContainer(name).remove({ force: true }));
    const container = await docker.createContainer({
      name,
      Image: image,
      Entrypoint: ['sleep', 'infinity'],
      Cmd: [],
      User: '0:0',
      Env: [
        `PGHOST=${await hostOf(docker)}`,
        `PGUSER=${login.user}`,
        `PGPASSFILE=${PASSWORDS.folder}${PASSWORDS.name}`,
        'PGCONNECT_TIMEOUT=10',
      ],
      Labels: { [LABELS.stack]: stack, [LABELS.process]: DUMPER },
      HostConfig: {
        ...((await inVirtualMachine(docker))
          ? { ExtraHosts: [`${FROM_VIRTUAL_MACHINE}:host-gateway`] }
          : { NetworkMode: 'host' }),
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges:true'],
        Init: true,
      },
    });
    const root = { uid: 0, gid: 0 };
    const content = `*:*:*:${login.user}:${login.password}\n`;
    const files = [
      { ...root, name: PASSWORDS.name, content, mode: 0o600 },
      { ...root, name: DUMPS.slice(1), directory: true, mode: 0o700 },
    ];
    // A file, since who may look at the container sees its environment.
    await container.putArchive(archive('', files), { path: PASSWORDS.folder });
    await container.start();
    return new Dump(docker, name);
  }

  /** Dumps roles and every database but the templates. */
  async take(login: Login): Promise<void> {
    this.databases = await databasesAt(login);
    await this.ask(login, 'pg_dumpall', '--roles-only', `--file=${DUMPS}/roles.sql`);
    // The one that restores is there already.
    await this.run('sed', '-i', `/^CREATE ROLE "\\?${login.user}"\\?;$/d`, `${DUMPS}/roles.sql`);
    for (const [i, name] of this.databases.entries())
      await this.ask(login, 'pg_dump', '--format=custom', '--create', `--file=${DUMPS}/${i}`, name);
  }

  /** Restores what was dumped into a server that has nothing yet. */
  async restore(login: Login): Promise<void> {
    await this.ask(
      login,
      'psql',
      '--no-psqlrc',
      '--quiet',
      '--set=ON_ERROR_STOP=1',
      `--file=${DUMPS}/roles.sql`,
      'postgres',
    );
    for (const [i, name] of this.databases.entries())
      await this.ask(
        login,
        'pg_restore',
        '--exit-on-error',
        // A new server has this one.
        ...(name === 'postgres' ? [] : ['--create']),
        '--dbname=postgres',
        `${DUMPS}/${i}`,
      );
  }

  /** Removes the container and what it kept. */
  async close(): Promise<void> {
    await orNothing(this.docker.getContainer(this.container).remove({ force: true, v: true }));
  }

  /** Runs a program that talks to a server. */
  private async ask({ port }: Login, program: string, ...args: readonly string[]): Promise<void> {
    await this.run(program, `--port=${port}`, ...args);
  }

  private async run(...argv: readonly string[]): Promise<void> {
    const { exitCode, stdout, stderr } = await execIn(this.docker, this.container, argv);
    if (exitCode === 0) return;
    const lines = `${stdout}${stderr}`.split('\n').filter((line) => line.trim());
    const unreachable = lines.some((line) =>
      /failed: (Connection refused|timeout|No route)|could not translate/.test(line),
    );
    throw new StackError(
      'COMMAND_FAILED',
      unreachable
        ? "a container can't reach PostgreSQL at this machine's port"
        : `${argv[0]} failed: exit status ${exitCode}`,
      unreachable
        ? "use this machine's own Docker: one that runs rootless, or elsewhere, has no way to it"
        : undefined,
      lines.slice(-SHOWN),
    );
  }
}

/** This machine, to containers of an engine in a virtual machine. */
const FROM_VIRTUAL_MACHINE = 'host.docker.internal';

const hostOf = async (docker: Docker): Promise<string> =>
  (await inVirtualMachine(docker)) ? FROM_VIRTUAL_MACHINE : HOST;

/** Whether the engine isn't on this machine itself, as Docker Desktop's or Colima's isn't. */
async function inVirtualMachine(docker: Docker): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const { OperatingSystem } = (await docker.info()) as { OperatingSystem?: string };
  return OperatingSystem?.startsWith('Docker Desktop') ?? false;
}
