import * as path from 'node:path';
import { type ClusterOptions, writeManifests } from '@stack/kubernetes';
import { Loader, findWorkspace } from '@stack/runtime';

/** `stack kubernetes`: writes dist/kubernetes. */
export function kubernetes(options: ClusterOptions): void {
  const workspace = findWorkspace();
  const folder = path.join(workspace, 'dist', 'kubernetes');
  const { services, absent } = writeManifests(folder, new Loader(workspace).all(), options);
  for (const [name, reason] of Object.entries(absent)) console.log(`- ${name} ${reason}`);
  console.log(`✔ ${services.length} services: ${services.join(', ')}`);
  console.log('→ sh dist/kubernetes/prepare.sh, then kubectl apply -f dist/kubernetes');
}
