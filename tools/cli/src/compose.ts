import { chmodSync, mkdirSync } from 'node:fs';
import * as path from 'node:path';
import { Loader, Ports, composeOf, stackPaths, writeIfChanged } from '@stack/runtime';
import { stringify } from 'yaml';

/** `stack compose`: writes dist/compose/<stack>. */
export function compose(): void {
  const stack = stackPaths();
  const folder = path.join('dist', 'compose', stack.name);
  const at = (name: string) => path.join(stack.workspace, folder, name);
  const { file, secrets, collected } = composeOf(
    { stack, loader: new Loader(stack.workspace), ports: new Ports(stack) },
    at('.'),
  );
  writeIfChanged(at('compose.yaml'), stringify(file, { aliasDuplicateObjects: false, lineWidth: 0 }));
  // The folder is its owner's alone; what is in it, the container's user has to be able to read.
  mkdirSync(at('secrets'), { recursive: true, mode: 0o700 });
  chmodSync(at('secrets'), 0o700);
  for (const [name, value] of Object.entries(secrets)) writeIfChanged(at(`secrets/${name}`), value, 0o444);
  for (const [name, content] of Object.entries(collected)) writeIfChanged(name, content);
  // What is dropped into it belongs to the user; the engine would make it root's.
  mkdirSync(stack.inbox, { recursive: true });
  console.log(
    `✔ ${Object.keys(file.services).length} services in ${folder}/compose.yaml, their secrets beside it`,
  );
  console.log(
    `→ npx nx run-many -t image builds ours, then docker compose -f ${folder}/compose.yaml up -d --wait`,
  );
}
