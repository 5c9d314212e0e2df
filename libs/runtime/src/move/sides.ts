/** The two runtimes as a move sees them, so that the same steps lead from either to the other. */
import { existsSync, lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import * as path from 'node:path';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import type { Say } from '../converge';
import { deployInDocker } from '../docker/deploy';
import { orNothing } from '../docker/engine';
import { ensureImage, imageFor } from '../docker/images';
import { projectOf, usesDocker, volumeName } from '../docker/names';
import { openDockerSession } from '../docker/session';
import { stopContainers } from '../docker/status';
import { makeVolume, withVolume } from '../docker/volumes';
import { stopStack } from '../native/daemon';
import { deployUnit } from '../native/deploy';
import { openSession } from '../native/session';
import type { StackPaths } from '../stack';
import { packFolder, unpackFolder } from './archive';
import { DUMPER } from './dump';
import type { Part } from './parts';
import type { Runtime } from './state';

export interface Side {
  readonly runtime: Runtime;
  has(part: Part): Promise<boolean>;
  /** Bytes that the parts take. */
  size(parts: readonly Part[]): Promise<number>;
  clear(part: Part): Promise<void>;
  /** Gives the part as an archive; an empty one when there is nothing of it. */
  read<T>(part: Part, use: (archive: Readable) => Promise<T>): Promise<T>;
  write(part: Part, archive: Readable): Promise<void>;
  /** The command by which a user deletes the parts. */
  deletion(parts: readonly Part[]): string;
  /** Starts one service. */
  start(service: string): Promise<void>;
  /** Ends whatever of the stack runs there. */
  stop(): Promise<void>;
}

/** @param docker it is needed for either direction */
export const sideOf = (runtime: Runtime, stack: StackPaths, docker: Docker, say: Say): Side =>
  runtime === 'docker' ? new InDocker(stack, docker, say) : new Natively(stack, say);

class Natively implements Side {
  readonly runtime = 'native';

  constructor(
    private readonly stack: StackPaths,
    private readonly say: Say,
  ) {}

  async has(part: Part): Promise<boolean> {
    return contentOf(part).length > 0;
  }

  async size(parts: readonly Part[]): Promise<number> {
    return parts
      .flatMap(contentOf)
      .flatMap((place) =>
        lstatSync(place).isDirectory()
          ? readdirSync(place, { recursive: true, encoding: 'utf8' }).map((name) => path.join(place, name))
          : [place],
      )
      .reduce((sum, file) => sum + lstatSync(file).size, 0);
  }

  async clear(part: Part): Promise<void> {
    if (!part.yours) for (const place of contentOf(part)) rmSync(place, { recursive: true });
    else if (contentOf(part).length > 0) {
      const aside = `${part.folder}.${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}`;
      renameSync(part.folder, aside);
      this.say(`${part.name}: what was in ${part.folder} is in ${aside} now`);
    }
  }

  read<T>(part: Part, use: (archive: Readable) => Promise<T>): Promise<T> {
    return use(existsSync(part.folder) ? packFolder(part) : Readable.from([]));
  }

  write(part: Part, archive: Readable): Promise<void> {
    return unpackFolder(part, archive);
  }

  deletion(parts: readonly Part[]): string {
    const places = parts.flatMap((part) => (part.whole ? [part.folder] : contentOf(part)));
    return `rm -r ${places.map(quoted).join(' ')}`;
  }

  async start(service: string): Promise<void> {
    const session = await openSession(this.say, this.stack);
    try {
      await deployUnit(session, service, this.say);
    } finally {
      await session.close();
    }
  }

  async stop(): Promise<void> {
    await stopStack(this.stack);
  }
}

/** As a shell has to read it. */
const quoted = (place: string): string =>
  /^[\w./-]+$/.test(place) ? place : `'${place.replaceAll("'", "'\\''")}'`;

/** Files and folders of the part on this machine. */
const contentOf = ({ folder, holds }: Part): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter(holds)
        .map((name) => path.join(folder, name))
    : [];

class InDocker implements Side {
  readonly runtime = 'docker';
  readonly project: string;

  constructor(
    readonly stack: StackPaths,
    readonly docker: Docker,
    private readonly say: Say,
  ) {
    this.project = projectOf(stack);
  }

  async has(part: Part): Promise<boolean> {
    return (await orNothing(this.docker.getVolume(this.nameOf(part)).inspect())) !== undefined;
  }

  async size(parts: readonly Part[]): Promise<number> {
    const names = new Set(parts.map((part) => this.nameOf(part)));
    const { Volumes } = (await this.docker.df()) as { Volumes: Docker.VolumeInspectInfo[] | null };
    return (Volumes ?? [])
      .filter(({ Name }) => names.has(Name))
      .reduce((sum, { UsageData }) => sum + (UsageData?.Size ?? 0), 0);
  }

  async clear(part: Part): Promise<void> {
    await orNothing(this.docker.getVolume(this.nameOf(part)).remove());
  }

  async read<T>(part: Part, use: (archive: Readable) => Promise<T>): Promise<T> {
    if (!(await this.has(part))) return use(Readable.from([]));
    return withVolume(this, await this.image(part), part.mount, async (container) => {
      const archive = await orNothing(container.getArchive({ path: part.inside }));
      return use(archive ? (archive as Readable) : Readable.from([]));
    });
  }

  async write(part: Part, archive: Readable): Promise<void> {
    const { mount, inside, uid, gid } = part;
    const image = await this.image(part);
    await makeVolume(this, image, mount, uid, gid);
    await withVolume(this, image, mount, (container) =>
      container.putArchive(archive, { path: path.posix.dirname(inside) }),
    );
  }

  deletion(parts: readonly Part[]): string {
    return `docker volume rm ${parts.map((part) => this.nameOf(part)).join(' ')}`;
  }

  async start(service: string): Promise<void> {
    const session = await openDockerSession(this.say, this.stack);
    try {
      await deployInDocker(session, service, this.say);
    } finally {
      await session.close();
    }
  }

  async stop(): Promise<void> {
    if (usesDocker(this.stack)) await stopContainers(this.stack, DUMPER);
  }

  private nameOf({ mount }: Part): string {
    return volumeName(this.project, mount.volume);
  }

  private async image({ image }: Part): Promise<string> {
    const name = imageFor(this.stack.workspace, image);
    await ensureImage(this.docker, name, this.say);
    return name;
  }
}
