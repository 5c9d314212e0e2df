import {
  closeSync,
  createWriteStream,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import * as path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { StackError } from '@stack/model';
import { baseEnvironment, Loader, readEntry, readSecret, stackPaths } from '@stack/runtime';
import { execa } from 'execa';

/** `stack catalog export FILE`: all that the catalogue knows now, in DataHub's file format. A file that is there is replaced. */
export async function exportCatalog(file: string): Promise<void> {
  const { url, token } = catalogHere();
  const part = `${file}.part`;
  writable(file, part);
  try {
    const answer = await fetch(`${url}/export`, { headers: { authorization: `Bearer ${token}` } });
    if (!answer.ok) throw new Error(`it answers ${answer.status}`);
    await pipeline(Readable.fromWeb(answer.body as ReadableStream), createWriteStream(part));
    renameSync(part, file);
  } catch (error) {
    rmSync(part, { force: true });
    throw new StackError(
      'NO_EXPORT',
      `the catalogue at ${url} wasn't written to ${file}: ${(error as Error).message}`,
      'make status; make logs s=catalog',
    );
  }
  console.log(`✔ ${file}`);
}

/**
 * `stack catalog import FILE`: loads such a file by DataHub's own client, into the stack's catalogue or into the DataHub at
 * `server`, whose token is DATAHUB_GMS_TOKEN. An address in the environment, which the client's own commands read, isn't meant.
 */
export async function importCatalog(file: string, { server }: { server?: string } = {}): Promise<void> {
  readable(file);
  const { workspace } = stackPaths();
  const to = server ? { url: server, token: process.env.DATAHUB_GMS_TOKEN ?? '' } : catalogHere();
  await answering(
    to,
    server ? 'correct DATAHUB_GMS_URL= and DATAHUB_GMS_TOKEN=' : 'make status; make logs s=catalog',
  );
  const recipe = path.join(workspace, 'apps', 'catalog', 'import.dhub.yaml');
  console.log(`loading ${file} into ${to.url}`);
  const { exitCode } = await execa('datahub', ['ingest', 'run', '-c', recipe, '--no-default-report'], {
    env: {
      PATH: baseEnvironment(workspace).PATH,
      FILE: path.resolve(file),
      DATAHUB_GMS_URL: to.url,
      DATAHUB_GMS_TOKEN: to.token,
      DATAHUB_TELEMETRY_ENABLED: 'false',
    },
    stdio: 'inherit',
    reject: false,
  });
  if (exitCode !== 0)
    throw new StackError(
      'NO_IMPORT',
      `not all of ${file} came to ${to.url}: what DataHub's client says is above`,
      `make catalog-import FILE=${file} again: what is there already isn't doubled`,
    );
}

/** @throws StackError when the file can't be written */
function writable(file: string, part: string): void {
  const refused = (why: string) =>
    new StackError('NO_FILE', `${file} can't be written: ${why}`, 'make catalog-export FILE=catalog.json');
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) throw refused('it is a folder');
  try {
    writeFileSync(part, '');
  } catch (error) {
    throw refused((error as Error).message);
  }
}

/** Looks at its beginning only: it may be large. @throws StackError when it is no file of DataHub's format */
function readable(file: string): void {
  const refused = (why: string) =>
    new StackError(
      'NO_FILE',
      `${file} ${why}`,
      'give a file that `make catalog-export` or DataHub’s file sink has written',
    );
  const start = Buffer.alloc(64);
  try {
    const opened = openSync(file, 'r');
    readSync(opened, start);
    closeSync(opened);
  } catch (error) {
    throw refused(`can't be read: ${(error as Error).message}`);
  }
  if (!start.toString().trimStart().startsWith('[')) throw refused('is no list of proposals');
}

/** @throws StackError when nothing answers there, or refuses the token */
async function answering({ url, token }: { url: string; token: string }, advice: string): Promise<void> {
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const said = await fetch(`${url.replace(/\/+$/, '')}/config`, { headers }).then(
    ({ ok, status }) => (ok ? undefined : `it answers ${status}`),
    (error: Error) => String((error.cause as Error | undefined)?.message ?? error.message),
  );
  if (said) throw new StackError('NO_CATALOGUE', `the catalogue at ${url} can't be asked: ${said}`, advice);
}

/** @throws StackError when it isn't deployed */
function catalogHere(): { url: string; token: string } {
  const stack = stackPaths();
  const { url } = readEntry(stack, 'catalog') ?? {};
  const definition = new Loader(stack.workspace).unit('catalog');
  if (!url || definition.kind !== 'service')
    throw new StackError(
      'NOT_DEPLOYED',
      `the stack ${stack.name} has no catalogue: it isn't deployed`,
      'make deploy-local',
    );
  return { url, token: readSecret(stack, 'catalog', 'token', definition.secrets.token) };
}
