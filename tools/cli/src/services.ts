import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import { Loader, findWorkspace, servicesTable, writeIfChanged } from '@stack/runtime';

/** `stack services`: writes the table of docs/services.md anew. */
export function services(): void {
  const workspace = findWorkspace();
  const at = (...file: string[]) => path.join(workspace, ...file);
  const standIns = JSON.parse(readFileSync(at('tests/docker/images.json'), 'utf8')) as Record<string, string>;
  const file = at('docs', 'services.md');
  const text = readFileSync(file, 'utf8').replace(
    /^\|[\s\S]*\|$/m,
    servicesTable(new Loader(workspace).all(), standIns),
  );
  const changed = writeIfChanged(file, text);
  console.log(changed ? '✔ docs/services.md written' : '✔ docs/services.md is current');
}
