/**
 * Deploy is convergence: the wanted state is computed, its hash compared with what runs, and only what differs is changed.
 */
import {
  type PlanContext,
  type ProcessPlan,
  type Service,
  StackError,
  type Unit,
  dependenciesOf,
  isProbe,
} from '@stack/model';
import { type ProcessSpec, family, listProcesses } from '@stack/supervisor';
import {
  type Deployed,
  type Say,
  collect,
  converge,
  left,
  leftUnasked,
  recordingFailure,
  register,
  resolveProbe,
  settlePorts,
} from '../converge';
import { digest, sha256 } from '../files';
import { planContext } from './context';
import { baseEnvironment } from './executables';
import { clearFailure } from './failures';
import { logFile } from './logs';
import { readEntry, removeEntry } from './registry';
import { type Session, asStackError } from './session';

/**
 * Brings one unit to its wanted state and returns when it is healthy.
 * @throws StackError with the reason, the last lines of the log and what to do.
 */
export async function deployUnit(session: Session, name: string, say: Say): Promise<Deployed> {
  return recordingFailure(session, name, () => deploy(session, session.loader.unit(name), say), asStackError);
}

async function deploy(session: Session, unit: Unit, say: Say): Promise<Deployed> {
  const unasked = leftUnasked(session.stack, unit);
  if (unasked) return unasked;
  const context = planContext(unit, { ...session, progress: say });
  switch (unit.kind) {
    case 'service':
      return 'none' in unit.native
        ? left(`needs Docker: ${unit.native.none}`)
        : deployService(session, unit, unit.native, context, say);
    case 'module': {
      const { native } = unit;
      if (!native) return left('is only in the cloud');
      return converge(session, unit, context, [], () => native.apply(context));
    }
    case 'job':
      return converge(session, unit, context, unit.native.sources ?? [], () => unit.native.run(context));
  }
}

/** Stops the unit and forgets it; its data stays. */
export async function destroyUnit(session: Session, name: string, say: Say): Promise<Deployed> {
  const unit = session.loader.unit(name);
  const existed = readEntry(session.stack, name) !== undefined;
  const { stopped } = await session.supervisor.call('stop', { unit: name });
  if (unit.kind === 'module' && existed)
    await unit.native?.destroy?.(planContext(unit, { ...session, progress: say }));
  removeEntry(session.stack, name);
  clearFailure(session.stack, name);
  session.ports.forget(name);
  if (existed) await collect(session, say);
  return existed || stopped.length > 0
    ? { changed: true, summary: stopped.length > 0 ? 'stopped' : 'removed' }
    : { changed: false, summary: 'was not deployed' };
}

type Planned = Extract<Service['native'], { plan: unknown }>;

async function deployService(
  session: Session,
  unit: Service,
  native: Planned,
  context: PlanContext,
  say: Say,
): Promise<Deployed> {
  settlePorts(session, unit, await isOwn(session, unit.name), say);
  for (const volume of Object.keys(unit.volumes)) context.volume(volume);
  const plans = await native.plan(context);
  const list = [plans].flat() as ProcessPlan[];
  const specs = list.map((plan, i) => {
    const after = plan.after ?? list.slice(Math.max(0, i - 1), i).map(nameOf);
    return processSpec(session, unit, context.env, { ...plan, after });
  });
  const { started, stopped } = await session.supervisor.call('apply', { unit: unit.name, processes: specs });
  const changedRegistry = await register(
    session,
    unit,
    {
      hash: sha256(specs.map((spec) => spec.hash).join()),
      processes: specs.map((spec) => spec.id),
      runtime: 'native',
    },
    say,
  );
  const changed = started.length > 0 || stopped.length > 0;
  if (!changed) return { changed: changedRegistry, summary: changedRegistry ? 'registered' : 'unchanged' };
  return {
    changed: true,
    summary: `started${specs.length > 1 ? ` ${started.map((id) => id.split('/')[1]).join(', ')}` : ''}`,
  };
}

/** Whether a process that listens is one of the unit's. */
async function isOwn({ supervisor }: Session, unit: string): Promise<(pid?: number) => boolean> {
  const { processes } = await supervisor.call('status', {});
  const pids = processes.filter((one) => one.unit === unit).flatMap(({ pid }) => pid ?? []);
  let rows: ReturnType<typeof listProcesses> | undefined;
  return (pid) =>
    pids.some((own) => own === pid || family(own, (rows ??= listProcesses())).some((row) => row.pid === pid));
}

const nameOf = (plan: ProcessPlan): string => plan.name ?? 'main';

function processSpec(
  session: Session,
  unit: Service,
  env: Readonly<Record<string, string>>,
  plan: ProcessPlan,
): ProcessSpec {
  const { stack } = session;
  const name = nameOf(plan);
  const own = { ...env, ...plan.env };
  const probe = isProbe(unit.ready) ? unit.ready : unit.ready[plan.probe ?? name];
  if (!probe)
    throw new StackError(
      'DEFINITION_INVALID',
      `${unit.file}: ready: no probe for the process ${name}`,
      `add ready.${name}`,
    );
  const spec: Omit<ProcessSpec, 'hash' | 'env'> = {
    id: `${unit.name}/${name}`,
    unit: unit.name,
    after: (plan.after ?? []).map((other) => `${unit.name}/${other}`),
    command: plan.command,
    args: plan.args,
    cwd: plan.cwd ?? stack.dir,
    uid: plan.uid,
    gid: plan.gid,
    pidFile: plan.pidFile,
    dataDir: plan.dataDir,
    stopSignal: plan.stopSignal ?? 'SIGTERM',
    stopTimeout: plan.stopTimeout ?? 10_000,
    startTimeout: plan.startTimeout ?? 60_000,
    ready: resolveProbe(session, unit, probe),
    log: logFile(stack, `${unit.name}/${name}`),
    dependsOn: dependenciesOf(unit),
  };
  return {
    ...spec,
    env: { ...baseEnvironment(stack.workspace), ...own },
    hash: sha256(JSON.stringify([spec, own, digest(plan.sources ?? [])])),
  };
}
