import * as path from 'node:path';
import { StackError, isOwnImage } from '@stack/model';
import {
  Loader,
  findWorkspace,
  lockFile,
  lockImages,
  mirrored,
  openEngine,
  readJson,
  writeIfChanged,
} from '@stack/runtime';

/** `stack images-lock`: writes the digests of the images that definitions name; one that can't be asked keeps what it has. */
export async function imagesLock({ output }: { output?: string }): Promise<void> {
  const workspace = findWorkspace();
  const images = new Loader(workspace)
    .all()
    .flatMap((unit) => (unit.kind === 'service' && unit.docker ? [unit.docker.image] : []))
    .filter((image) => !isOwnImage(image) && !image.includes('@sha256:'));
  const names = Object.fromEntries(
    [...new Set(images)].sort().map((image) => [image, mirrored(workspace, image) ?? image]),
  );
  const { digests, unlocked } = await lockImages(await openEngine(), names);
  const file = output ? path.resolve(output) : lockFile(workspace);
  const before = readJson<Record<string, string>>(file) ?? {};
  const kept = Object.fromEntries(Object.entries(before).filter(([image]) => image in unlocked));
  const all = Object.entries({ ...kept, ...digests }).sort(([a], [b]) => a.localeCompare(b));
  if (all.length > 0) writeIfChanged(file, `${JSON.stringify(Object.fromEntries(all), null, 2)}\n`);
  for (const [image, digest] of Object.entries(digests)) console.log(`✔ ${image} ${digest.split('@')[1]}`);
  for (const [image, reason] of Object.entries(unlocked))
    console.log(
      `- ${image} ${image in kept ? 'keeps its digest' : 'is unlocked: it stays a tag'} (${reason})`,
    );
  if (Object.keys(digests).length === 0)
    throw new StackError(
      'NOT_LOCKED',
      'no registry told a digest',
      'check the network, then make images-lock again',
    );
}
