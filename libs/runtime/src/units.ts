/**
 * Which units the workspace has, from file names and package.json alone: nothing is run. Kept free of other imports, since
 * Nx's plugin uses it each time the project graph is made.
 */
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import * as path from 'node:path';

export const LAYERS = ['infra', 'service', 'dbt', 'dagster', 'observability'] as const;
export type Layer = (typeof LAYERS)[number];

export const DEFINITION_FILES = ['service.ts', 'module.ts', 'job.ts'] as const;

export interface UnitFolder {
  readonly name: string;
  readonly layer: Layer;
  /** Folder, relative to the workspace. */
  readonly root: string;
  /** Definition file, relative to the workspace. */
  readonly file: string;
}

interface PackageJson {
  readonly name?: string;
  readonly workspaces?: readonly string[];
  readonly nx?: { readonly name?: string; readonly tags?: readonly string[] };
}

const readPackage = (folder: string): PackageJson =>
  JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as PackageJson;

/** The unit in a folder; undefined when there is no definition file in it. */
export function unitIn(workspace: string, root: string): UnitFolder | undefined {
  const folder = path.join(workspace, root);
  const files = DEFINITION_FILES.filter((file) => existsSync(path.join(folder, file)));
  if (files.length === 0) return undefined;
  if (files.length > 1) throw new Error(`${root} has ${files.join(' and ')}: a unit has one definition file`);
  const file = path.join(root, files[0]);
  if (!existsSync(path.join(folder, 'package.json')))
    throw new Error(`${file} has no package.json beside it`);
  const { name, nx } = readPackage(folder);
  const layers = (nx?.tags ?? [])
    .filter((tag) => tag.startsWith('layer:'))
    .map((tag) => tag.slice('layer:'.length));
  if (layers.length !== 1 || !LAYERS.includes(layers[0] as Layer))
    throw new Error(
      `${root}/package.json: nx.tags names ${layers.length === 1 ? `the unknown layer ${layers[0]}` : `${layers.length} layers`}; expected one of ${LAYERS.map((layer) => `layer:${layer}`).join(', ')}`,
    );
  return { name: nx?.name ?? name ?? path.basename(root), layer: layers[0] as Layer, root, file };
}

/** Every unit in the folders that the root package.json names as workspaces. */
export function findUnits(workspace: string): UnitFolder[] {
  const folders = (readPackage(workspace).workspaces ?? []).flatMap((pattern) => {
    if (!pattern.endsWith('/*')) return [pattern];
    const parent = pattern.slice(0, -2);
    const absolute = path.join(workspace, parent);
    if (!existsSync(absolute)) return [];
    return readdirSync(absolute)
      .filter((name) => statSync(path.join(absolute, name)).isDirectory())
      .map((name) => path.join(parent, name));
  });
  return folders
    .map((root) => unitIn(workspace, root))
    .filter((unit): unit is UnitFolder => unit !== undefined);
}

/** The nearest layer below that has units; undefined for the lowest. */
export function layerBelow(layer: Layer, units: readonly UnitFolder[]): Layer | undefined {
  const present = new Set(units.map((unit) => unit.layer));
  return LAYERS.slice(0, LAYERS.indexOf(layer))
    .reverse()
    .find((lower) => present.has(lower));
}
