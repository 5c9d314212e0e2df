/** `stack cloud …`: an environment in AWS. The work on each unit is Nx's; here is what asks, and what concerns all units at once. */
import { existsSync, readFileSync } from 'node:fs';
import { StackError } from '@stack/model';
import { findWorkspace } from '@stack/runtime';
import { execa } from 'execa';
import { agrees } from './ask';

export interface CloudCommand {
  readonly environment: string;
  readonly yes?: boolean;
  readonly force?: boolean;
}

/** Runs Nx with its output shown. `environment` reaches every task. */
async function nx(
  environment: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<boolean> {
  const { failed } = await execa('npx', ['nx', ...args, '--outputStyle=stream'], {
    cwd: findWorkspace(),
    env: { CLOUD_ENV: environment, ...env },
    stdio: 'inherit',
    reject: false,
  });
  return !failed;
}

const failed = (what: string) =>
  new StackError(
    'CLOUD_FAILED',
    `${what}; what failed is named above`,
    'mend it and repeat the command: what was done stays done',
  );

/** Plans every unit, asks once, and applies them in the graph's order. */
export async function deploy({ environment, yes }: CloudCommand): Promise<void> {
  await ready(environment);
  if (!(await nx(environment, ['run-many', '-t', 'plan']))) throw failed(`${environment} can't be planned`);
  const question = `\nApply this to ${environment}? [y/N] `;
  const alone = { what: 'a deploy changes what is in AWS', remedy: 'in CI: make deploy-prod YES=1' };
  if (!yes && !(await agrees(question, alone))) {
    console.log('Nothing was applied.');
    return;
  }
  if (!(await nx(environment, ['run-many', '-t', 'deploy', '-c', 'aws'], { CLOUD_YES: '1' })))
    throw failed(`${environment} isn't deployed wholly`);
  console.log(`✔ ${environment} is deployed`);
}

/** Shows what a deploy would change. */
export async function plan({ environment }: CloudCommand): Promise<void> {
  await ready(environment);
  if (!(await nx(environment, ['run-many', '-t', 'plan']))) throw failed(`${environment} can't be planned`);
}

/** Destroys everything, the highest layer first; buckets with data only with `force`. */
export async function destroy({ environment, yes, force }: CloudCommand): Promise<void> {
  await ready(environment);
  const what = force ? ', with the data in its buckets' : '';
  const alone = {
    what: `this destroys ${environment}`,
    remedy: `make destroy-prod ENV=${environment} YES=1`,
  };
  if (!yes && !(await agrees(`Destroy all that ${environment} has in AWS${what}? [y/N] `, alone))) {
    console.log('Nothing was destroyed.');
    return;
  }
  await refuseWhileDataIsThere(environment, force);
  const env = { CLOUD_YES: '1', ...(force && { CLOUD_FORCE: '1' }) };
  if (!(await nx(environment, ['run-many', '-t', 'destroy', '-c', 'aws'], env)))
    throw failed(`${environment} isn't destroyed wholly`);
  console.log(`✔ ${environment} is destroyed; the units' last states are kept`);
}

/** Before anything is destroyed: what reads a bucket shouldn't be gone when the bucket's turn comes and it isn't empty. */
async function refuseWhileDataIsThere(environment: string, force = false): Promise<void> {
  if (force) return;
  const { bucketsIn, prepare, refuseFullBuckets } = await import('@stack/terraform');
  await eachUnit(environment, async (work) => {
    const terraform = prepare(work);
    // Only who has buckets is asked: each Terraform takes its time.
    if (!terraform || !JSON.stringify(work.synth?.terraform.resource ?? {}).includes('"aws_s3_bucket"'))
      return;
    await terraform.init();
    await refuseFullBuckets(bucketsIn(await terraform.state()), work.environment.region);
  });
}

/** Says what was changed by hand. */
export async function drift({ environment }: CloudCommand): Promise<void> {
  await ready(environment);
  if (!(await nx(environment, ['run-many', '-t', 'drift'])))
    throw failed(`${environment} isn't as it was deployed, or couldn't be looked at`);
  console.log(`✔ ${environment} is as it was deployed`);
}

/** Takes the states of every unit to the bucket of `infra/state`, or back to this machine. */
export async function moveStates(where: 'remote' | 'local', { environment }: CloudCommand): Promise<void> {
  const { moveAllStates } = await import('@stack/terraform');
  const session = await ready(environment);
  await moveAllStates(session, session.environment(environment), where, (line) => console.log(line));
  console.log(
    where === 'remote'
      ? `✔ the states of ${environment} are in its bucket; commit infra/backends.json, so that colleagues find them`
      : `✔ the states of ${environment} are on this machine: .cloud/${environment}/states`,
  );
}

/** Releases a lock that an interrupted Terraform left. */
export async function unlock(unit: string, id: string, { environment }: CloudCommand): Promise<void> {
  const { unlockState } = await import('@stack/terraform');
  const session = await ready(environment);
  await unlockState(
    session.work(unit, session.environment(environment), () => undefined),
    id,
  );
  console.log(`✔ ${unit} can be deployed again`);
}

/** Writes a secret's value from a file: it is on no command line. */
export async function secret(
  unit: string,
  key: string,
  file: string,
  { environment }: CloudCommand,
): Promise<void> {
  const { writeSecret } = await import('@stack/terraform');
  const session = await open();
  knownSecret(session, unit, key);
  if (!existsSync(file))
    throw new StackError('NO_FILE', `there is no file ${file}`, 'make cloud-secret UNIT=… KEY=… FILE=<file>');
  await writeSecret(session.environment(environment), unit, key, readFileSync(file, 'utf8'));
  console.log(`✔ ${unit}/${key} is written; what reads it gets it at its next start`);
}

/** @throws StackError naming the secrets that are given by hand */
function knownSecret({ units }: Awaited<ReturnType<typeof open>>, unit: string, key: string): void {
  const known = units.flatMap((one) =>
    one.kind === 'module' ? (one.aws?.secrets ?? []).map((secret) => `UNIT=${one.name} KEY=${secret}`) : [],
  );
  if (known.includes(`UNIT=${unit} KEY=${key}`)) return;
  throw new StackError(
    'UNKNOWN_SECRET',
    `${unit}/${key} is no secret that is given by hand`,
    `there is: ${known.join(', ')}`,
  );
}

/** What the environment costs a month, by module and service, and what a plan changes of it. */
export async function cost({ environment }: CloudCommand): Promise<void> {
  const { costTable } = await import('@stack/terraform');
  const session = await open();
  console.log(costTable(session, session.environment(environment)));
}

/**
 * What everybody would fail for, found before anything is begun.
 * @throws StackError when there is no such environment, it is nobody's, or there is no Terraform
 */
async function ready(environment: string) {
  const { Terraform, refuseNobodysAccount } = await import('@stack/terraform');
  const session = await open();
  refuseNobodysAccount(session.environment(environment));
  await Terraform.version();
  return session;
}

async function open() {
  const { CloudSession } = await import('@stack/terraform');
  return CloudSession.open(findWorkspace());
}

async function eachUnit(
  environment: string,
  work: (unit: import('@stack/terraform').Work) => Promise<void>,
): Promise<void> {
  const session = await open();
  for (const unit of session.units)
    await work(session.work(unit.name, session.environment(environment), () => undefined));
}
