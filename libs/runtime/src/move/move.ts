/**
 * Carries a stack's data from one runtime to the other. What it is taken from stays as it is, and is the stack's data until all of
 * it has arrived: whatever goes wrong before loses nothing, and the next move begins anew.
 */
import { existsSync, rmSync } from 'node:fs';
import { type Readable, Transform, pipeline } from 'node:stream';
import { type Service, StackError } from '@stack/model';
import type Docker from 'dockerode';
import type { Say } from '../converge';
import { openEngine } from '../docker/engine';
import { ensureImage, imageFor } from '../docker/images';
import { containerName, projectOf, volumesMarkerOf } from '../docker/names';
import { ContainerValues } from '../docker/values';
import { writeIfChanged } from '../files';
import { Loader } from '../loader';
import { Ports } from '../native/ports';
import { readSecret } from '../native/secrets';
import type { StackPaths } from '../stack';
import { differences, inventory } from './archive';
import { DUMPER, Dump } from './dump';
import { type Part, type Parts, partsOf } from './parts';
import { type Login, rowsAt } from './rows';
import { type Side, sideOf } from './sides';
import { type Runtime, WHERE, deployIn, moveCommand, readMove, refuseElsewhere, writeMove } from './state';

export interface MoveOptions {
  readonly from: Runtime;
  readonly to: Runtime;
  /** Replaces data that is in `to` already. */
  readonly force: boolean;
}

export interface Moved {
  /** Files and folders. */
  readonly files: number;
  /** Tables, sequences and roles. */
  readonly relations: number;
  /** What stays where it was: bytes, and the command that deletes it. */
  readonly kept: { readonly bytes: number; readonly deletion: string };
  /** Volumes that stay in Docker, since their services are only there. */
  readonly staying: readonly string[];
}

interface Work {
  readonly stack: StackPaths;
  readonly docker: Docker;
  readonly parts: Parts;
  readonly from: Side;
  readonly to: Side;
  readonly say: Say;
}

/** A database server's data on its way. */
interface Dumped {
  readonly service: Service;
  readonly dump: Dump;
  readonly rows: ReadonlyMap<string, string>;
}

/** Milliseconds of silence after which what goes on is told. */
const SILENCE = 2_000;
/** Names of what differs that an error shows. */
const SHOWN = 10;

/** @throws StackError when there is nothing to move, or something is in its way; nothing has been stopped then */
export async function checkMove(stack: StackPaths, options: MoveOptions, say: Say): Promise<void> {
  await refuseUnready(await workOf(stack, options, say), options.force);
}

/**
 * Moves everything, and leaves the stack stopped but for its databases: a deploy in the other runtime starts the rest.
 * @throws StackError as checkMove does, and when a step fails or what arrived isn't what was sent
 */
export async function moveStack(stack: StackPaths, options: MoveOptions, say: Say): Promise<Moved> {
  const { from, to, force } = options;
  const work = await workOf(stack, options, say);
  await refuseUnready(work, force);
  const parts = allOf(work.parts);
  for (const { image } of parts) await ensureImage(work.docker, imageFor(stack.workspace, image), say);
  const at = new Date().toISOString();
  writeMove(stack, { from, to, done: false }, at);
  writeIfChanged(volumesMarkerOf(stack), '');
  try {
    const { files, relations } = await carry(work);
    // What was deployed, was deployed in the other runtime.
    rmSync(stack.registry, { recursive: true });
    const left = await partsIn(work.from, parts);
    const kept = { bytes: await work.from.size(left), deletion: work.from.deletion(left) };
    const staying = to === 'native' ? namesOf(await partsIn(work.from, work.parts.inDocker)) : [];
    writeMove(stack, { from, to, done: true }, at);
    return { files, relations, kept, staying };
  } catch (error) {
    await work.to.stop().catch(() => undefined);
    throw error;
  }
}

async function workOf(stack: StackPaths, { from, to }: MoveOptions, say: Say): Promise<Work> {
  if (!existsSync(stack.dir))
    throw new StackError('NOTHING_TO_MOVE', `there is no stack ${stack.name}`, deployIn(to));
  const docker = await openEngine();
  const loader = new Loader(stack.workspace);
  return {
    stack,
    docker,
    parts: partsOf(stack, loader.all(), new ContainerValues(stack, loader, new Ports(stack))),
    from: sideOf(from, stack, docker, say),
    to: sideOf(to, stack, docker, say),
    say,
  };
}

const allOf = ({ files, databases }: Parts): Part[] => [...files, ...databases.flatMap(({ parts }) => parts)];

/** The parts of which the runtime has something. */
async function partsIn(side: Side, parts: readonly Part[]): Promise<Part[]> {
  const found: Part[] = [];
  for (const part of parts) if (await side.has(part)) found.push(part);
  return found;
}

const namesOf = (parts: readonly Part[]): string[] => parts.map(({ name }) => name);

/** @throws StackError before anything is stopped */
async function refuseUnready({ stack, parts, from, to }: Work, force: boolean): Promise<void> {
  refuseElsewhere(stack, from.runtime);
  const [here, there] = [await partsIn(from, allOf(parts)), await partsIn(to, allOf(parts))];
  if (here.length === 0)
    throw new StackError(
      'NOTHING_TO_MOVE',
      `the stack ${stack.name} has no data ${WHERE[from.runtime]}`,
      there.length > 0 ? `it is ${WHERE[to.runtime]}: ${deployIn(to.runtime)}` : deployIn(to.runtime),
    );
  const last = readMove(stack);
  // What an interrupted move left, and what was moved away before, is nobody's.
  const known = last && (last.done ? last.from : last.to) === to.runtime;
  if (there.length > 0 && !known && !force)
    throw new StackError(
      'DATA_THERE',
      `the stack ${stack.name} has data ${WHERE[to.runtime]} as well: ${namesOf(there).join(', ')}`,
      `${moveCommand(from.runtime, to.runtime)} FORCE=1 deletes that, and puts what is ${WHERE[from.runtime]} in its place`,
    );
}

async function carry(work: Work): Promise<{ files: number; relations: number }> {
  const { parts, from, to, say } = work;
  say('stopping the stack');
  await from.stop();
  await to.stop();
  const dumped: Dumped[] = [];
  try {
    for (const { service } of parts.databases) dumped.push(await dumpOf(work, service));
    await from.stop();
    for (const part of allOf(parts)) await to.clear(part);
    let files = 0;
    for (const part of parts.files) files += await copy(work, part);
    for (const one of dumped) await restore(work, one);
    return { files, relations: dumped.reduce((sum, { rows }) => sum + rows.size, 0) };
  } finally {
    for (const { dump } of dumped) await dump.close();
  }
}

async function dumpOf({ stack, docker, from, say }: Work, service: Service): Promise<Dumped> {
  const { name } = service;
  await from.start(name);
  const login = loginOf(stack, service);
  const dump = await Dump.open(docker, {
    name: containerName(projectOf(stack), `${DUMPER}-${name}`),
    image: imageFor(stack.workspace, service.docker?.image as string),
    stack: stack.name,
    login,
  });
  try {
    await telling(say, () => `dumping ${name}`, dump.take(login));
    const rows = await telling(say, () => `counting the rows of ${name}`, rowsAt(login));
    return { service, dump, rows };
  } catch (error) {
    await dump.close();
    throw error;
  }
}

async function restore({ stack, to, say }: Work, { service, dump, rows }: Dumped): Promise<void> {
  const { name } = service;
  await to.start(name);
  const login = loginOf(stack, service);
  await telling(say, () => `restoring ${name}`, dump.restore(login));
  const arrived = await telling(say, () => `counting the rows of ${name}`, rowsAt(login));
  refuseDifferent(name, differences(rows, arrived));
  say(`✔ ${name}: ${rows.size} tables, sequences and roles, the same rows in both`);
}

/** As it is deployed at the moment: both runtimes have it at the same port, unless somebody took that one. */
function loginOf(stack: StackPaths, { name, dumped = '', ports, secrets }: Service): Login {
  const { number, user = '', password = '' } = ports[dumped];
  return {
    port: new Ports(stack).number(name, dumped, number),
    user,
    password: readSecret(stack, name, password, secrets[password]),
  };
}

/** Returns how many files and folders it has. */
async function copy({ from, to, say }: Work, part: Part): Promise<number> {
  if (!(await from.has(part))) return 0;
  let bytes = 0;
  const text = (what: string) => () => `${what} ${part.name}, ${(bytes / 1e6).toFixed(0)} MB`;
  const counted = (archive: Readable) =>
    pipeline(
      archive,
      new Transform({
        transform(chunk: Buffer, _, done) {
          bytes += chunk.length;
          done(null, chunk);
        },
      }),
      // Whoever reads from it gets the error.
      () => undefined,
    );
  await telling(
    say,
    text('copying'),
    from.read(part, (archive) => to.write(part, counted(archive))),
  );
  bytes = 0;
  const of = (side: Side) => side.read(part, (archive) => inventory(part, counted(archive)));
  const sent = await telling(say, text('checking'), of(from));
  const arrived = await telling(say, text('checking'), of(to));
  refuseDifferent(part.name, differences(sent, arrived));
  if (sent.size > 0) say(`✔ ${part.name}: ${sent.size} files and folders, the same content in both`);
  return sent.size;
}

function refuseDifferent(what: string, names: readonly string[]): void {
  if (names.length === 0) return;
  throw new StackError(
    'NOT_THE_SAME',
    `${what}: what arrived isn't what was sent`,
    'somebody else may write to it: stop that, then move again',
    [...names.slice(0, SHOWN), ...(names.length > SHOWN ? [`… ${names.length - SHOWN} more`] : [])],
  );
}

/** Tells every two seconds what goes on, and for how long. */
async function telling<T>(say: Say, what: () => string, work: Promise<T>): Promise<T> {
  const started = Date.now();
  const timer = setInterval(
    () => say(`${what()} (${((Date.now() - started) / 1_000).toFixed(0)} s)`),
    SILENCE,
  );
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
