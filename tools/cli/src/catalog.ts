import { createWriteStream, renameSync, rmSync } from 'node:fs';
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
 * `stack catalog import FILE`: loads such a file by DataHub's own client, into the stack's catalogue or into the DataHub that
 * `DATAHUB_GMS_URL` and `DATAHUB_GMS_TOKEN` name.
 */
export async function importCatalog(file: string): Promise<void> {
  const { workspace } = stackPaths();
  const { DATAHUB_GMS_URL, DATAHUB_GMS_TOKEN = '' } = process.env;
  const to = DATAHUB_GMS_URL ? { url: DATAHUB_GMS_URL, token: DATAHUB_GMS_TOKEN } : catalogHere();
  const recipe = path.join(workspace, 'apps', 'catalog', 'import.dhub.yaml');
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
