/**
 * The adapters of the workspace: every `mcp.ts` beside a definition, by the unit's name. Tests and tools read them so; for the
 * program, `esbuild.config.cjs` puts imports of the same files in the place of this one.
 */
import { existsSync } from 'node:fs';
import * as path from 'node:path';
import type { Adapter } from '@stack/mcp';
import { findUnits } from '@stack/runtime/units';

const workspace = path.resolve(__dirname, '../../..');

export const adapters: Readonly<Record<string, Adapter>> = Object.fromEntries(
  findUnits(workspace)
    .map(({ name, root }) => [name, path.join(workspace, root, 'mcp.ts')] as const)
    .filter(([, file]) => existsSync(file))
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- which there are is only known now
    .map(([name, file]) => [name, (require(file) as { adapter: Adapter }).adapter]),
);
