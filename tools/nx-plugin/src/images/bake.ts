/** Images of ours as a file of `docker buildx bake`: each for every platform, in one manifest. */
import { rmSync } from 'node:fs';
import * as path from 'node:path';
import { createProjectGraphAsync } from '@nx/devkit';
import { StackError } from '@stack/model';
import type { Loader } from '@stack/runtime';
import type { Say } from './context';
import { partsOf } from './own';
import { PLATFORMS } from './platform';
import { type Recipe, recipeOf } from './recipe';

export { elfFiles } from './elf';

/** As `docker buildx bake` reads it; paths count from the workspace. */
export interface BakeFile {
  readonly variable: Readonly<Record<string, { readonly default: string }>>;
  readonly group: { readonly default: { readonly targets: readonly string[] } };
  readonly target: Readonly<Record<string, object>>;
}

/**
 * Lays out what the images are built from, in a folder for each; the units' programs are built already.
 * @param names units; default: all that have an image of ours
 * @param folder where, relative to the workspace
 * @throws StackError when a unit has no such image
 */
export async function bakeFile(
  loader: Loader,
  names: readonly string[],
  folder: string,
  say: Say,
): Promise<BakeFile> {
  const known = loader
    .all()
    .map(({ name }) => name)
    .filter((name) => partsOf(loader, name, PLATFORMS))
    .sort();
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new StackError(
      'NO_BUILD',
      `${unknown.join(', ')} has no image of ours`,
      `choose from ${known.join(', ')}`,
    );
  const graph = await createProjectGraphAsync();
  const target: Record<string, object> = {};
  const wanted = known.filter((one) => names.length === 0 || names.includes(one));
  const add = async (name: string, recipe: Recipe, tagged: object): Promise<void> => {
    const { from, args, layOut } = recipe;
    const context = path.posix.join(folder, name);
    rmSync(path.join(loader.workspace, context), { recursive: true, force: true });
    await layOut(path.join(loader.workspace, context), (message) => say(`${name}: ${message}`));
    target[name] = {
      context,
      // Not from a registry: another target's.
      ...(from && { contexts: { [from.image]: `target:${name}-packages` } }),
      args,
      platforms: PLATFORMS.map((platform) => platform.name),
      ...tagged,
    };
    if (from) await add(`${name}-packages`, from, {});
  };
  for (const name of wanted) {
    const parts = partsOf(loader, name, PLATFORMS);
    if (parts) await add(name, recipeOf(parts, graph), { tags: [`\${REGISTRY}/${name}:\${TAG}`] });
  }
  return {
    variable: { REGISTRY: { default: 'stack' }, TAG: { default: 'dev' } },
    group: { default: { targets: wanted } },
    target,
  };
}
