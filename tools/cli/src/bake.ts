import * as path from 'node:path';
import { StackError } from '@stack/model';
import { bakeFile } from '@stack/nx-plugin/images';
import { Loader, findWorkspace, writeIfChanged } from '@stack/runtime';
import { nx } from './nx';

const FILE = 'dist/docker-bake.json';

/** `stack bake`: builds the programs of our images, and writes a bake file with everything that goes into them. */
export async function bake(names: readonly string[]): Promise<void> {
  const workspace = findWorkspace();
  const projects = names.length > 0 ? names.join() : 'tag:image';
  if (!(await nx(workspace, 'build', ['-p', projects])))
    throw new StackError('NOT_BUILT', 'a program is not built, for the reason above');
  const file = await bakeFile(new Loader(workspace), names, 'dist/bake', (message) =>
    console.log(`… ${message}`),
  );
  writeIfChanged(path.join(workspace, FILE), `${JSON.stringify(file, null, 2)}\n`);
  console.log(
    `✔ ${Object.keys(file.target).length} images in ${FILE}: ${Object.keys(file.target).join(', ')}`,
  );
  console.log(`→ REGISTRY=registry.example/stack TAG=1 docker buildx bake -f ${FILE} --push`);
}
