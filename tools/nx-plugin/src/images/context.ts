/** The folder that an image is built from: program, packages and files, ready for the image's platforms. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import * as path from 'node:path';
import type { ProjectGraph } from '@nx/devkit';
import { type Service, StackError, insideOf, isProbe } from '@stack/model';
import { digest, sha256 } from '@stack/runtime';
import { refuseForeign } from './elf';
import type { Platform } from './platform';

export type Say = (message: string) => void;

export interface ImageParts {
  readonly workspace: string;
  /** Folder of the unit, relative to the workspace. */
  readonly root: string;
  readonly service: Service;
  readonly build: NonNullable<NonNullable<Service['docker']>['build']>;
  readonly platforms: readonly Platform[];
}

/** The same for one platform, which packages are installed for. */
type OnPlatform = ImageParts & { readonly platform: Platform };

/** Digest of everything that the packages are made of: an equal one means the same. */
export function packagesContent(parts: ImageParts, graph: ProjectGraph): string {
  const { workspace, build, platforms } = parts;
  const npm = hasProgram(parts);
  const lists = [...Object.values(build.packages ?? {}), ...Object.values(build.programs ?? {})];
  const files = [...lists.map((list) => listOf(list).file), ...(npm ? ['package-lock.json'] : [])].map(
    (file) => path.join(workspace, file),
  );
  const named = npm && npmDependencies(parts, graph);
  return sha256(JSON.stringify([digest([...files, __dirname], workspace), named, build, platforms]));
}

/** The same of the program. */
export function programContent({ workspace, root, service, build }: ImageParts): string {
  const files = [`dist/${root}/main.cjs`, ...Object.values(build.files ?? {})];
  return sha256(
    JSON.stringify([
      digest(
        files.map((file) => path.join(workspace, file)),
        workspace,
      ),
      healthScript(service),
    ]),
  );
}

const hasProgram = ({ workspace, root }: Pick<ImageParts, 'workspace' | 'root'>): boolean =>
  existsSync(path.join(workspace, `dist/${root}/main.cjs`));

/** Lays out what changes often: the program, and the files that it reads. */
export function layOutProgram(parts: ImageParts, folder: string): void {
  const { workspace, root, service, build } = parts;
  const into = below(path.join(folder, 'app'));
  if (hasProgram(parts)) cpSync(path.join(workspace, `dist/${root}/main.cjs`), into('main.cjs'));
  for (const [name, source] of Object.entries(build.files ?? {}))
    copyParts(path.join(workspace, source), into(name));
  writeFileSync(into('health'), healthScript(service));
  // Who mounts a new volume there finds a folder of the image's user.
  for (const target of ['/stack', ...Object.values(service.volumes)])
    mkdirSync(path.join(folder, 'volumes', target), { recursive: true });
}

/** Lays out what seldom changes and is large: packages, for each platform. */
export async function layOutPackages(
  parts: ImageParts,
  graph: ProjectGraph,
  folder: string,
  say: Say,
): Promise<void> {
  for (const platform of parts.platforms)
    await packagesFor({ ...parts, platform }, graph, path.join(folder, 'packages', platform.arch), say);
}

async function packagesFor(parts: OnPlatform, graph: ProjectGraph, folder: string, say: Say): Promise<void> {
  const { workspace, build } = parts;
  const into = below(folder);
  mkdirSync(folder, { recursive: true });
  if (hasProgram(parts)) await nodePackages(parts, graph, folder, say);
  for (const [name, list] of Object.entries(build.packages ?? {}))
    await pythonPackages(parts, list, folder, into(name), say);
  for (const [name, lists] of Object.entries(build.programs ?? {}))
    for (const list of readdirSync(path.join(workspace, lists)).filter((name) => name.endsWith('.txt')))
      await pythonProgram(parts, name, path.join(lists, list), folder, say);
}

/** A path in a folder, whose own folder is there. */
const below = (folder: string) => (name: string) => {
  const target = path.join(folder, name);
  mkdirSync(path.dirname(target), { recursive: true });
  return target;
};

/** A file, or a folder without what lies in it but isn't part of a program. */
const copyParts = (source: string, target: string): void =>
  cpSync(source, target, {
    recursive: true,
    // Below the folder only: the checkout itself may lie in one of such a name.
    filter: (file) => !NO_PART.test(path.relative(source, file)),
  });
const NO_PART = /(^|[\\/])(node_modules|__pycache__|target|logs|dbt_packages)([\\/]|$)|\.spec\.ts$/;

/** Declared packages that the bundle names, with the versions of the workspace's lock file. */
function npmDependencies({ workspace, root }: ImageParts, graph: ProjectGraph): Record<string, string> {
  const bundle = readFileSync(path.join(workspace, `dist/${root}/main.cjs`), 'utf8');
  const declared = dependenciesOf(workspace, root);
  return Object.fromEntries(
    [...declared.keys()]
      .filter((name) => new RegExp(`["'\`]${name}[/"'\`]`).test(bundle))
      .sort()
      .map((name) => [name, versionOf(graph, name, declared.get(name) as string)]),
  );
}

async function nodePackages(parts: OnPlatform, graph: ProjectGraph, target: string, say: Say): Promise<void> {
  const { workspace, service, platform } = parts;
  const { createLockFile } = await import('@nx/js');
  const dependencies = npmDependencies(parts, graph);
  const manifest = { name: service.name, version: '0.1.0', private: true, dependencies };
  const lock = createLockFile(manifest, graph, 'npm');
  const made = await once(
    workspace,
    `${service.name}-npm-${platform.name}`,
    [JSON.stringify(dependencies), lock],
    async (folder) => {
      say(`installing ${Object.keys(dependencies).length} npm packages for ${platform.name}`);
      writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest, null, 2));
      writeFileSync(path.join(folder, 'package-lock.json'), lock);
      const flags = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', ...platform.npm];
      await run('npm', ['install', ...flags], folder);
      const { stdout } = await run('npm', ['sbom', '--sbom-format=cyclonedx', '--omit=dev'], folder);
      writeFileSync(path.join(folder, 'node.cdx.json'), stdout);
      refuseForeign(folder, platform);
    },
  );
  for (const name of ['node_modules', 'package.json'])
    cpSync(path.join(made, name), path.join(target, name), { recursive: true, verbatimSymlinks: true });
  sbom(target, made, 'node.cdx.json');
}

/** Third-party dependencies of a project and of the projects of this workspace that it depends on. */
function dependenciesOf(workspace: string, root: string, seen = new Set<string>()): Map<string, string> {
  const { dependencies = {} } = JSON.parse(
    readFileSync(path.join(workspace, root, 'package.json'), 'utf8'),
  ) as {
    dependencies?: Record<string, string>;
  };
  const found = new Map<string, string>();
  for (const [name, version] of Object.entries(dependencies)) {
    if (!name.startsWith('@stack/')) {
      found.set(name, version);
      continue;
    }
    const link = path.join(workspace, 'node_modules', name);
    if (seen.has(name) || !existsSync(link)) continue;
    seen.add(name);
    for (const [inner, wanted] of dependenciesOf(workspace, path.join('node_modules', name), seen))
      found.set(inner, wanted);
  }
  return found;
}

/** The locked version; of an alias (`npm:…`) what the package.json says. */
const versionOf = (graph: ProjectGraph, name: string, declared: string): string =>
  declared.startsWith('npm:') ? declared : (graph.externalNodes?.[`npm:${name}`]?.data.version ?? declared);

/** A list of Python packages: its file, and the group of it that is meant. */
function listOf(list: string): { readonly file: string; readonly group?: string } {
  const [file, group] = list.split('#');
  return { file, group };
}

async function pythonPackages(
  { workspace, platform }: OnPlatform,
  list: string,
  app: string,
  target: string,
  say: Say,
): Promise<void> {
  const { file, group } = listOf(list);
  const bill = `${file === 'uv.lock' ? 'python' : path.basename(file, '.txt')}.cdx.json`;
  const made = await once(
    workspace,
    `${list}-${platform.name}`,
    [...platform.uv, CYCLONEDX, readFileSync(path.join(workspace, file), 'utf8')],
    async (folder) => {
      const uv = findUv(workspace);
      say(`installing Python packages of ${list} for ${platform.name}`);
      let wanted = path.join(workspace, file);
      if (file === 'uv.lock') {
        wanted = path.join(folder, 'requirements.txt');
        const which = group ? ['--only-group', group] : ['--no-default-groups', '--no-emit-project'];
        const exported = ['export', '--quiet', '--frozen', ...which];
        await run(uv, [...exported, '--no-hashes', '--output-file', wanted], workspace);
        await run(
          uv,
          [...exported, '--format', 'cyclonedx1.5', '--output-file', path.join(folder, bill)],
          workspace,
        );
      } else {
        const tool = ['tool', 'run', '--quiet', '--from', CYCLONEDX, 'cyclonedx-py', 'requirements'];
        await run(uv, [...tool, '--output-reproducible', '-o', path.join(folder, bill), wanted], workspace);
      }
      const packages = path.join(folder, 'packages');
      await run(
        uv,
        ['pip', 'install', '--quiet', '--target', packages, ...platform.uv, '--requirements', wanted],
        workspace,
      );
      // Programs of the environment that installed them: their first line names a Python that the image doesn't have.
      rmSync(path.join(packages, 'bin'), { recursive: true, force: true });
      refuseForeign(packages, platform);
    },
  );
  cpSync(path.join(made, 'packages'), target, { recursive: true });
  sbom(app, made, bill);
}

/** Makes a bill of material of a list of requirements; of `uv.lock`, uv does. */
const CYCLONEDX = 'cyclonedx-bom==7.5.0';

/** A program with packages of its own, started by a script at `bin/<name>`; what its installation here knows of it goes along. */
async function pythonProgram(
  parts: OnPlatform,
  programs: string,
  list: string,
  app: string,
  say: Say,
): Promise<void> {
  const name = path.basename(list, '.txt');
  const target = path.join(app, programs, name);
  await pythonPackages(parts, list, app, path.join(target, 'packages'), say);
  mkdirSync(path.join(target, 'bin'));
  const start = `import sys; from importlib.metadata import entry_points; sys.argv[0] = '${name}'; [program] = entry_points(group='console_scripts', name='${name}'); sys.exit(program.load()())`;
  writeFileSync(
    path.join(target, 'bin', name),
    `#!/bin/sh\nPYTHONPATH="$(dirname "$0")/../packages" exec python3 -c "${start}" "$@"\n`,
    { mode: 0o755 },
  );
  for (const file of ['spec.json', 'version']) {
    const known = path.join(parts.workspace, programs, name, file);
    if (existsSync(known)) cpSync(known, path.join(target, file));
  }
}

/** Where the image keeps its bills of material. */
function sbom(app: string, made: string, file: string): void {
  const target = path.join(app, 'sbom');
  mkdirSync(target, { recursive: true });
  cpSync(path.join(made, file), path.join(target, file));
}

/** The health check of a service as a script; where several processes have one image, each runtime gives them their own. */
function healthScript(service: Service): string {
  const probe = isProbe(service.ready) ? service.ready : undefined;
  const command = probe && service.docker?.health?.(probe, insideOf(service.ports[probe.port]), '127.0.0.1');
  if (!command) return 'exit 0\n';
  return `exec ${command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')}\n`;
}

/** A folder that is filled once for each key, and takes the place of the one before; whoever is interrupted leaves none. */
async function once(
  workspace: string,
  what: string,
  key: readonly string[],
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const parent = path.join(workspace, '.tools', 'images', what.replaceAll(/[^\w.]+/g, '-'));
  const folder = path.join(parent, sha256(JSON.stringify(key)).slice(0, 16));
  if (existsSync(folder)) return folder;
  const temporary = `${parent}.${process.pid}`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  try {
    await fill(temporary);
    rmSync(parent, { recursive: true, force: true });
    mkdirSync(parent, { recursive: true });
    renameSync(temporary, folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return folder;
}

function findUv(workspace: string): string {
  const own = path.join(workspace, '.tools/uv/bin/uv');
  return existsSync(own) ? own : 'uv';
}

async function run(command: string, args: readonly string[], cwd: string): Promise<{ stdout: string }> {
  const { execa } = await import('execa');
  const result = await execa(command, args, { cwd, all: true, reject: false });
  if (!result.failed) return { stdout: result.stdout };
  throw new StackError(
    'COMMAND_FAILED',
    `${command} ${args.slice(0, 2).join(' ')} failed`,
    'check the network, then run the same command again',
    result.all
      .split('\n')
      .filter((line) => line.trim() && !line.startsWith('npm warn'))
      .slice(-20),
  );
}
