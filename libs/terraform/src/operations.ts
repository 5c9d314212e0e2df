/** What is done with one unit in one environment: plan, apply, destroy, drift, and moving its state. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import * as path from 'node:path';
import { StackError } from '@stack/model';
import { writeIfChanged } from '@stack/runtime';
import { troubleOf } from './aws';
import { bucketsIn, emptyBucket, refuseFullBuckets } from './buckets';
import type { Synthesised } from '../cdktf/synth';
import { type Backend, backendConfiguration, pluginCache, readBackend, unitDir } from './cloud';
import { type Environment, NO_ACCOUNT, NO_REPOSITORY } from './environments';
import { type Change, type Plan, Terraform } from './terraform';

export interface Work {
  readonly workspace: string;
  readonly environment: Environment;
  readonly unit: string;
  /** Its Terraform files; undefined for a unit that has nothing in AWS. */
  readonly synth: Synthesised | undefined;
  /** Image of ours that the unit runs. */
  readonly image?: string;
  /** Tag of our images: the commit that they are built from. */
  readonly imageTag: string;
  readonly say: (message: string) => void;
}

/** Terraform's folder of the unit, with its files and its backend; undefined for a unit that has nothing in AWS. */
export function prepare(
  work: Work,
  backend: Backend = readBackend(work.workspace, work.environment.name),
): Terraform | undefined {
  const { workspace, environment, unit, synth, imageTag, say } = work;
  if (!synth) return undefined;
  const folder = unitDir(workspace, environment.name, unit);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeIfChanged(path.join(folder, 'main.tf.json'), `${JSON.stringify(synth.terraform, null, 2)}\n`);
  const configuration = backendConfiguration(workspace, environment, unit, synth.imports, backend);
  writeIfChanged(path.join(folder, 'backend.tf.json'), `${JSON.stringify(configuration, null, 2)}\n`);
  const variables: Record<string, string> = synth.terraform.variable?.image_tag
    ? { image_tag: imageTag }
    : {};
  return new Terraform({ folder, plugins: pluginCache(workspace), variables, say });
}

/** @throws StackError while the file has the account number that it came with */
export function refuseNobodysAccount({ name, account, repository }: Environment): void {
  if (process.env.AWS_ENDPOINT_URL) return;
  if (repository === NO_REPOSITORY)
    throw new StackError(
      'NO_REPOSITORY',
      `infra/environments.yml: repository: ${NO_REPOSITORY} isn't yours: whoever has that name could deploy`,
      'write the name of your own there, as owner/name',
    );
  if (account !== NO_ACCOUNT) return;
  throw new StackError(
    'NO_ACCOUNT',
    `infra/environments.yml: ${name}.account: ${NO_ACCOUNT} is nobody's account`,
    'write your account number there, and a project name of your own: aws sts get-caller-identity',
  );
}

/** Plans; the plan is kept for what follows. undefined: the unit has nothing in AWS. */
export async function planUnit(work: Work, options: { destroy?: boolean } = {}): Promise<Plan | undefined> {
  const terraform = prepare(work);
  if (!terraform) return undefined;
  work.say('terraform init');
  await terraform.init();
  work.say('terraform validate');
  await terraform.validate();
  work.say('terraform plan');
  return terraform.plan(options);
}

export interface Applied {
  readonly changed: boolean;
  readonly summary: string;
}

/**
 * Plans, shows, and applies what `agreed` agrees to.
 * @param agreed throws when the changes may not be made
 * @param before what has to be done before they are: an image pushed
 */
export async function applyUnit(
  work: Work,
  agreed: (plan: Plan) => void,
  before: () => Promise<void> = async () => undefined,
): Promise<Applied> {
  const plan = await planUnit(work);
  if (!plan) return { changed: false, summary: 'has nothing in AWS' };
  if (plan.changes.length === 0 && plan.outputs === 0) return { changed: false, summary: 'unchanged' };
  for (const line of describe(plan)) work.say(line);
  agreed(plan);
  await before();
  try {
    await prepare(work)?.apply();
  } catch (error) {
    throw await withTrouble(error, work);
  }
  return { changed: true, summary: `applied: ${count(plan)}` };
}

/** Terraform only says that a service wasn't stable in time; ECS knows why. */
async function withTrouble(error: unknown, { synth, environment, unit }: Work): Promise<unknown> {
  if (!(error instanceof StackError) || !synth?.terraform.resource?.aws_ecs_service) return error;
  const trouble = await troubleOf(environment, unit).catch(() => []);
  return new StackError(error.code, error.message, error.remedy, [...error.details, ...trouble]);
}

const SIGN = { create: '+', update: '~', delete: '-', replace: '±', read: ' ', 'no-op': ' ' } as const;

/** A line a change, those that lose something first. */
export function describe({ changes, outputs }: Plan): string[] {
  const order = ['delete', 'replace', 'update', 'create'];
  return [
    ...[...changes]
      .sort((a, b) => order.indexOf(a.action) - order.indexOf(b.action))
      .map(({ action, address }) => `${SIGN[action]} ${address}`),
    ...(changes.length === 0 && outputs > 0 ? [`~ ${outputs} outputs`] : []),
  ];
}

export function count({ changes, outputs }: Plan): string {
  const of = (action: Change['action']) => changes.filter((change) => change.action === action).length;
  const parts = [
    [of('create'), 'to make'],
    [of('update'), 'to change'],
    [of('replace'), 'to replace'],
    [of('delete'), 'to delete'],
  ] as const;
  const said = parts.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`);
  return said.length > 0 ? said.join(', ') : `${outputs} outputs`;
}

const shownFile = ({ workspace, environment, unit }: Work) =>
  path.join(unitDir(workspace, environment.name, unit), 'shown.json');

/** Keeps what was shown to whoever agrees. */
export function rememberPlan(work: Work, plan: Plan): void {
  writeIfChanged(shownFile(work), `${JSON.stringify(losses(plan))}\n`);
}

/**
 * Refuses a plan that loses something that the plan shown before didn't have.
 * @throws StackError naming it
 */
export function refuseUnseen(work: Work, plan: Plan): void {
  const file = shownFile(work);
  if (!existsSync(file)) return;
  const shown = JSON.parse(readFileSync(file, 'utf8')) as string[];
  const unseen = losses(plan).filter((loss) => !shown.includes(loss));
  rmSync(file);
  if (unseen.length > 0)
    throw new StackError(
      'PLAN_CHANGED',
      `${work.unit}: the plan isn't any more the one that was agreed to`,
      'repeat the command: it plans again',
      unseen,
    );
}

/** What was changed by hand; undefined for a unit that has nothing in AWS, or isn't deployed. */
export async function driftOf(work: Work): Promise<readonly Change[] | undefined> {
  const terraform = prepare(work);
  if (!terraform) return undefined;
  await terraform.init();
  if (!(await terraform.state())) return undefined;
  return terraform.drift();
}

/**
 * Destroys what the unit has in AWS.
 * @param agreed throws when it may not
 * @param force also buckets with data: they are emptied first
 */
export async function destroyInCloud(work: Work, agreed: () => void, force: boolean): Promise<Applied> {
  const terraform = prepare(work);
  if (!terraform) return { changed: false, summary: 'has nothing in AWS' };
  await terraform.init();
  const state = await terraform.state();
  if (!state?.resources?.length) return { changed: false, summary: 'was not deployed' };
  if (JSON.stringify(work.synth?.terraform.resource).includes('"prevent_destroy":true'))
    return { changed: false, summary: 'stays: its resources are protected, and go by hand only' };
  const { region } = work.environment;
  const buckets = bucketsIn(state);
  if (!force) await refuseFullBuckets(buckets, region);
  const plan = await terraform.plan({ destroy: true });
  describe(plan).forEach(work.say);
  agreed();
  for (const bucket of buckets) {
    const deleted = await emptyBucket(bucket, region);
    if (deleted > 0) work.say(`deleted ${deleted} objects of ${bucket}`);
  }
  await terraform.apply();
  return { changed: true, summary: `destroyed: ${count(plan)}` };
}

/** What loses something: it is done only when it was shown before. */
const losses = ({ changes }: Plan): string[] =>
  changes
    .filter(({ action }) => action === 'delete' || action === 'replace')
    .map(({ action, address }) => `${action} ${address}`);

/**
 * Releases a lock that was left, by the file in the bucket and by the table; an older Terraform leaves one in the table
 * only.
 * @throws StackError when there is no such lock
 */
export async function unlockState(work: Work, id: string): Promise<void> {
  const backend = readBackend(work.workspace, work.environment.name);
  try {
    await unlockBy(work, backend, id);
  } catch (error) {
    if (backend.type !== 's3' || !(error instanceof StackError)) throw error;
    // The table comes first: it was released, and there was no file.
    if (error.details.some((line) => line.includes('NoSuchKey'))) return;
    await unlockBy(work, { ...backend, only: 'file' }, id).catch(() => Promise.reject(error));
  } finally {
    prepare(work, backend);
  }
}

async function unlockBy(work: Work, backend: Backend, id: string): Promise<void> {
  const terraform = prepare(work, backend);
  await terraform?.init();
  await terraform?.unlock(id);
}

/**
 * Takes a unit's state to another backend; its serial and lineage stay.
 * @throws StackError when what arrived isn't what left; the old state is kept then
 */
export async function moveState(work: Work, from: Backend, to: Backend): Promise<Applied> {
  const before = prepare(work, from);
  if (!before) return { changed: false, summary: 'has nothing in AWS' };
  await before.init();
  const left = await before.state();
  const after = prepare(work, to);
  if (!left || !after) {
    rmSync(path.join(unitDir(work.workspace, work.environment.name, work.unit), '.terraform'), {
      recursive: true,
      force: true,
    });
    return { changed: false, summary: 'has no state yet' };
  }
  work.say('moving its state');
  await after.init();
  const there = await after.state();
  // The first state that Terraform 1.11 writes to a bucket gets a lineage of its own, also by `init -migrate-state`. Where nothing
  // was, it is written a second time as it left.
  await after.pushState(left);
  let arrived = await after.state();
  if (!there && arrived?.lineage !== left.lineage) {
    await after.pushState(left, { force: true });
    arrived = await after.state();
  }
  if (arrived?.lineage !== left.lineage || arrived.serial < left.serial)
    throw new StackError(
      'STATE_NOT_MOVED',
      `the state of ${work.unit} didn't arrive as it left (serial ${left.serial}, then ${arrived?.serial ?? 'none'})`,
      'the old one is as it was: repeat the command',
    );
  return { changed: true, summary: `moved (serial ${arrived.serial})` };
}
