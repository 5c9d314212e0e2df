import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { StackError } from '@stack/model';
import { Loader, Ports, composeOf, sha256, stackPaths, writeIfChanged } from '@stack/runtime';
import { stringify } from 'yaml';

/**
 * `stack compose`: writes dist/compose/<stack>.
 * @throws StackError when somebody has edited the file, unless forced
 */
export function compose({ force = false }: { force?: boolean }): void {
  const stack = stackPaths();
  const folder = path.join('dist', 'compose', stack.name);
  const at = (name: string) => path.join(stack.workspace, folder, name);
  if (!force && isEdited(at('compose.yaml')))
    throw new StackError(
      'EDITED',
      `${folder}/compose.yaml isn't as make compose wrote it: somebody has edited it`,
      'keep the changes in compose.override.yaml beside it, which docker compose reads too; then make compose FORCE=1',
    );
  const { file, secrets, collected } = composeOf(
    { stack, loader: new Loader(stack.workspace), ports: new Ports(stack) },
    at('.'),
  );
  writeIfChanged(at('compose.yaml'), signed(stringify(file, { aliasDuplicateObjects: false, lineWidth: 0 })));
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
    `→ npx nx run-many -t image builds ours, then docker compose --project-directory ${folder} up -d --wait`,
  );
}

const NOTE =
  '# Written by make compose. Changes of yours: in compose.override.yaml beside it, which stays.\n';
const SIGNATURE = /^# sha256 ([0-9a-f]{64})\n/m;

const signed = (content: string): string => `${NOTE}# sha256 ${sha256(content)}\n${content}`;

/** Whether there is a file, and its content isn't what its checksum says. */
function isEdited(file: string): boolean {
  if (!existsSync(file)) return false;
  const [, known, content] = readFileSync(file, 'utf8').split(SIGNATURE);
  return known !== sha256(content ?? '');
}
