/** Folders as tar archives, streamed: nothing is held in memory as a whole. Names begin with the folder's own. */
import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import * as path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as tarFs from 'tar-fs';
import { extract } from 'tar-stream';
import type { Part } from './parts';

/** Reads the folder on this machine; files are the container's user's. */
export function packFolder({ folder, inside, uid, gid, holds }: Part): Readable {
  return tarFs.pack(folder, {
    ignore: (file) => !holds(path.relative(folder, file)),
    map: (header) => ({
      ...header,
      name: path.posix.join(path.posix.basename(inside), header.name),
      uid,
      gid,
      // A tar's own field has whole seconds; the pipeline looks at all of the time.
      pax: { mtime: preciseTime(path.join(folder, header.name)) },
    }),
  }) as Readable;
}

function preciseTime(file: string): string {
  const { mtimeNs } = lstatSync(file, { bigint: true });
  const second = 1_000_000_000n;
  return `${mtimeNs / second}.${String(mtimeNs % second).padStart(9, '0')}`;
}

/** Writes the folder on this machine; files are whose program this is. */
export async function unpackFolder({ folder, holds }: Part, archive: Readable): Promise<void> {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const target = tarFs.extract(folder, {
    strip: 1,
    ignore: (file) => !holds(path.relative(folder, file)),
    map: (header) => ({ ...header, uid, gid }),
  });
  await pipeline(archive, target);
}

/** What is in the archive: name → what it is, so that two can be compared. */
export async function inventory({ holds }: Part, archive: Readable): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const entries = extract();
  const reading = pipeline(archive, entries);
  for await (const entry of entries) {
    const hash = createHash('sha256');
    for await (const chunk of entry) hash.update(chunk as Buffer);
    const { name, type, size, linkname } = entry.header;
    const relative = name.split('/').slice(1).join('/').replace(/\/$/, '');
    if (relative && holds(relative))
      found.set(relative, [type, size, linkname ?? hash.digest('hex')].join(' '));
  }
  await reading;
  return found;
}

/** Names of what is in one and isn't the same in the other. */
export const differences = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string[] =>
  [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name)).sort();
