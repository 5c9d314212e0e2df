import { chmodSync, mkdirSync } from 'node:fs';
import * as path from 'node:path';
import { Loader, Ports, composeOf, stackPaths, writeIfChanged } from '@stack/runtime';
import { stringify } from 'yaml';

/** `stack compose`: writes dist/compose/<stack>. */
export function compose(): void {
  const stack = stackPaths();
  const { file, secrets } = composeOf({
    stack,
    loader: new Loader(stack.workspace),
    ports: new Ports(stack),
  });
  const folder = path.join('dist', 'compose', stack.name);
  const at = (name: string) => path.join(stack.workspace, folder, name);
  writeIfChanged(at('compose.yaml'), stringify(file, { aliasDuplicateObjects: false, lineWidth: 0 }));
  // The folder is its owner's alone; what is in it, the container's user has to be able to read.
  mkdirSync(at('secrets'), { recursive: true, mode: 0o700 });
  chmodSync(at('secrets'), 0o700);
  for (const [name, value] of Object.entries(secrets)) writeIfChanged(at(`secrets/${name}`), value, 0o444);
  console.log(
    `✔ ${Object.keys(file.services).length} services in ${folder}/compose.yaml, their secrets beside it`,
  );
  console.log(
    '→ npx nx run-many -t image builds ours; buckets and routes are made by make deploy-local RUNTIME=docker',
  );
  console.log(`→ docker compose -f ${folder}/compose.yaml up -d`);
}
