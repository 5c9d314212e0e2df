import { chmodSync, existsSync, readdirSync } from 'node:fs';
import * as path from 'node:path';
import { type PlanContext, defineModule, stack, text } from '@stack/model';

export const secrets = defineModule({
  name: 'secrets',
  summary: 'Secret store: files that only their owner can read',
  native: {
    outputs: { dir: text`${stack.dir}/secrets` },
    apply: async (context) => tighten(context),
  },
  aws: {
    outputs: {
      keyArn: 'Key that encrypts the secrets',
      dir: 'Begins the name of each secret',
    },
  },
});

/** Folders 0700, files 0600, whatever a copy or a restore made of them. */
function tighten(context: PlanContext): void {
  const dir = context.resolve(secrets.output('dir'));
  if (!existsSync(dir)) return;
  chmodSync(dir, 0o700);
  for (const entry of readdirSync(dir, { withFileTypes: true, recursive: true }))
    chmodSync(path.join(entry.parentPath, entry.name), entry.isDirectory() ? 0o700 : 0o600);
}
