/** What the workspace has on disk of its units' Terraform: files that were synthesised, plans that were kept. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, readdir, stat } from 'node:fs/promises';
import * as path from 'node:path';
import { type ToolContext, ToolError } from '@stack/mcp';

/** A unit's folder, as the workspace has it. */
export interface Folder {
  readonly name: string;
  /** Relative to the workspace: `infra/s3`. */
  readonly root: string;
  readonly kind: 'module' | 'service' | 'job';
}

/** A unit as its build wrote it out, if it was built. */
interface Built {
  readonly summary?: string;
  readonly layer?: string;
  readonly aws?: { readonly none?: string; readonly outputs?: Readonly<Record<string, string>> };
}

const workspaceOf = ({ env }: ToolContext): string => env.WORKSPACE ?? '';
const DEFINITIONS = { module: 'module.ts', service: 'service.ts', job: 'job.ts' } as const;

async function json<T>(file: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

const folders = async (parent: string): Promise<string[]> => {
  const found = await readdir(parent, { withFileTypes: true }).catch(() => []);
  return found.filter((one) => one.isDirectory()).map(({ name }) => name);
};

/**
 * Folders with a definition.
 * @throws ToolError when there is no checkout where this server runs
 */
export async function unitFolders(context: ToolContext): Promise<Folder[]> {
  const workspace = workspaceOf(context);
  const roots = ['orchestration', 'transformation'];
  for (const parent of ['infra', 'docker', 'apps'])
    roots.push(...(await folders(path.join(workspace, parent))).map((name) => `${parent}/${name}`));
  const units = await Promise.all(
    roots.map(async (root) => {
      const kind = (['module', 'service', 'job'] as const).find((one) =>
        existsSync(path.join(workspace, root, DEFINITIONS[one])),
      );
      if (!kind) return [];
      const described = await json<{ nx?: { name?: string } }>(path.join(workspace, root, 'package.json'));
      return [{ name: described?.nx?.name ?? path.basename(root), root, kind }];
    }),
  );
  const all = units.flat();
  if (all.length > 0) return all.sort((a, b) => (a.name < b.name ? -1 : 1));
  throw new ToolError(
    'no_workspace',
    'there is no checkout where this server runs, so nothing is known of its Terraform files',
    'ask a server that runs natively: make deploy-local; stack_status lists what is deployed',
  );
}

export const builtOf = async (context: ToolContext, { root }: Folder): Promise<Built | undefined> =>
  json<Built>(path.join(workspaceOf(context), 'dist', root, 'unit.json'));

/** Terraform's files, as JSON. */
export interface Configuration {
  readonly terraform?: {
    readonly required_providers?: Readonly<
      Record<string, { readonly source?: string; readonly version?: string }>
    >;
  };
  readonly resource?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly data?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly output?: Readonly<Record<string, unknown>>;
}

const planFolder = (context: ToolContext, environment: string, { name }: Folder): string =>
  path.join(workspaceOf(context), '.cloud', environment, name);

/** Environments in which something of the unit is on disk. */
export async function environmentsOf(context: ToolContext, folder: Folder): Promise<string[]> {
  const made = await folders(path.join(workspaceOf(context), 'dist', folder.root, 'terraform'));
  const worked = await folders(path.join(workspaceOf(context), '.cloud'));
  return [
    ...new Set([...made, ...worked.filter((one) => existsSync(planFolder(context, one, folder)))]),
  ].sort();
}

export interface Made {
  readonly configuration: Configuration;
  readonly at: Date;
}

/** The newest Terraform files of a unit: of `synth`, or of the last plan; undefined when there are none. */
export async function madeOf(
  context: ToolContext,
  folder: Folder,
  environment: string,
): Promise<Made | undefined> {
  const files = [
    path.join(workspaceOf(context), 'dist', folder.root, 'terraform', environment, 'main.tf.json'),
    path.join(planFolder(context, environment, folder), 'main.tf.json'),
  ];
  const found: Made[] = [];
  for (const file of files) {
    const there = await stat(file).catch(() => undefined);
    if (!there) continue;
    const configuration = await json<Configuration>(file);
    if (!configuration)
      throw new ToolError(
        'terraform_unreadable',
        `the Terraform files of ${folder.name} in ${environment} are no JSON: they are being written, or were left half-written`,
        `ask again in some seconds, or make them anew: npx nx synth ${folder.name}`,
      );
    found.push({ configuration, at: there.mtime });
  }
  return found.sort((a, b) => b.at.getTime() - a.at.getTime())[0];
}

/** What Terraform tells of a plan that it kept; of its output (`terraform show -json`) what is read. */
export interface PlanJson {
  readonly timestamp?: string;
  readonly resource_changes?: readonly {
    readonly address: string;
    readonly type?: string;
    readonly mode?: string;
    readonly change: { readonly actions: readonly string[] };
  }[];
  readonly resource_drift?: readonly unknown[];
  readonly output_changes?: Readonly<Record<string, { readonly actions: readonly string[] }>>;
}

export interface KeptPlan {
  readonly plan?: PlanJson;
  readonly at: Date;
  /** Why it can't be shown. */
  readonly trouble?: string;
}

/** Milliseconds and bytes that showing a plan may take. */
const [LONGEST, LARGEST] = [30_000, 64 * 2 ** 20];

/** The plan that `nx plan` kept; undefined when there is none. Only Terraform itself can read it. */
export async function keptPlan(
  context: ToolContext,
  folder: Folder,
  environment: string,
): Promise<KeptPlan | undefined> {
  const cwd = planFolder(context, environment, folder);
  const there = await stat(path.join(cwd, 'plan')).catch(() => undefined);
  if (!there) return undefined;
  const { PATH, HOME, TMPDIR } = process.env;
  const shown = new Promise<string>((resolve, reject) =>
    execFile(
      'terraform',
      ['show', '-json', '-no-color', 'plan'],
      {
        cwd,
        timeout: LONGEST,
        maxBuffer: LARGEST,
        signal: context.signal,
        env: { PATH, HOME, TMPDIR, TF_IN_AUTOMATION: '1', TF_INPUT: '0', CHECKPOINT_DISABLE: '1' },
      },
      (error, stdout) => (error ? reject(error) : resolve(stdout)),
    ),
  );
  try {
    return { plan: JSON.parse(await shown) as PlanJson, at: there.mtime };
  } catch (error) {
    context.signal.throwIfAborted();
    const { code, killed } = error as NodeJS.ErrnoException & { killed?: boolean };
    const trouble =
      code === 'ENOENT'
        ? 'there is no terraform on PATH'
        : killed
          ? `terraform did not show it within ${LONGEST / 1_000} s`
          : 'terraform can’t show it: its providers may not be there any more';
    return { at: there.mtime, trouble };
  }
}

/** Whether a plan was kept. */
export const isPlanned = (context: ToolContext, folder: Folder, environment: string): boolean =>
  existsSync(path.join(planFolder(context, environment, folder), 'plan'));

export interface Resource {
  /** `aws_s3_bucket.lake` */
  readonly address: string;
  readonly type: string;
}

export const resourcesOf = ({ resource = {} }: Configuration): Resource[] =>
  Object.entries(resource).flatMap(([type, named]) =>
    Object.keys(named).map((name) => ({ address: `${type}.${name}`, type })),
  );
