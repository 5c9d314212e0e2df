/**
 * Deploy is convergence: the wanted state is computed, its hash compared with what runs, and only what differs is changed.
 */
import * as path from 'node:path';
import {
  type Job,
  type Module,
  type PlanContext,
  type Probe,
  type ProcessPlan,
  type RegistryEntry,
  type Service,
  StackError,
  type Unit,
  dependenciesOf,
  isProbe,
} from '@stack/model';
import { type ProcessSpec, type ResolvedProbe, family, listProcesses } from '@stack/supervisor';
import { digest, sha256, writeIfChanged } from '../files';
import { planContext } from './context';
import { baseEnvironment } from './executables';
import { clearFailure, writeFailure } from './failures';
import { logFile } from './logs';
import { readEntry, readRegistry, removeEntry, writeEntry } from './registry';
import { HOST } from './resolver';
import { type Session, asStackError } from './session';

export interface Deployed {
  /** False when everything was already as wanted. */
  readonly changed: boolean;
  /** What was done, for the user. */
  readonly summary: string;
}

type Say = (message: string) => void;

/**
 * Brings one unit to its wanted state and returns when it is healthy.
 * @throws StackError with the reason, the last lines of the log and what to do.
 */
export async function deployUnit(session: Session, name: string, say: Say): Promise<Deployed> {
  try {
    const deployed = await deploy(session, session.loader.unit(name), say);
    clearFailure(session.stack, name);
    return deployed;
  } catch (caught) {
    const error = asStackError(caught);
    const layer = session.loader.folders.get(name)?.layer;
    if (layer) writeFailure(session.stack, { unit: name, layer, message: String(error) });
    throw error;
  }
}

async function deploy(session: Session, unit: Unit, say: Say): Promise<Deployed> {
  const context = planContext(unit, { ...session, progress: say });
  switch (unit.kind) {
    case 'service':
      return deployService(session, unit, context, say);
    case 'module': {
      const { native } = unit;
      if (!native) return { changed: false, summary: 'is only in the cloud' };
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

async function deployService(
  session: Session,
  unit: Service,
  context: PlanContext,
  say: Say,
): Promise<Deployed> {
  await settlePorts(session, unit, say);
  for (const volume of Object.keys(unit.volumes)) context.volume(volume);
  const plans = await unit.native.plan(context);
  const list = [plans].flat() as ProcessPlan[];
  const specs = list.map((plan, i) => {
    const after = plan.after ?? list.slice(Math.max(0, i - 1), i).map(nameOf);
    return processSpec(session, unit, context.env, { ...plan, after });
  });
  const { started, stopped } = await session.supervisor.call('apply', { unit: unit.name, processes: specs });
  const changedRegistry = await register(
    session,
    unit,
    sha256(specs.map((spec) => spec.hash).join()),
    specs,
    say,
  );
  const changed = started.length > 0 || stopped.length > 0;
  if (!changed) return { changed: changedRegistry, summary: changedRegistry ? 'registered' : 'unchanged' };
  return {
    changed: true,
    summary: `started${specs.length > 1 ? ` ${started.map((id) => id.split('/')[1]).join(', ')}` : ''}`,
  };
}

/** A module or a job: its work is done when anything that it depends on differs from the last time. */
async function converge(
  session: Session,
  unit: Module | Job,
  context: PlanContext,
  sources: readonly string[],
  work: () => Promise<void>,
): Promise<Deployed> {
  const { root } = session.loader.folder(unit.name);
  const folder = path.join(session.stack.workspace, root);
  const outputs = unit.kind === 'module' ? (unit.native?.outputs ?? {}) : {};
  const values = Object.entries({ ...unit.env, ...outputs }).map(([key, value]) => [
    key,
    context.resolve(value),
  ]);
  const hash = sha256(
    JSON.stringify([values, digest([folder, ...sources.map((source) => path.join(folder, source))])]),
  );
  if (readEntry(session.stack, unit.name)?.hash === hash) return { changed: false, summary: 'unchanged' };
  await work();
  await register(session, unit, hash, [], context.progress);
  return { changed: true, summary: unit.kind === 'job' ? 'ran' : 'applied' };
}

async function settlePorts({ ports, supervisor }: Session, unit: Service, say: Say): Promise<void> {
  if (Object.keys(unit.ports).length === 0) return;
  const { processes } = await supervisor.call('status', {});
  let rows: ReturnType<typeof listProcesses> | undefined;
  const isOwn = (pid: number) =>
    processes
      .filter((one) => one.unit === unit.name && one.pid !== undefined)
      .some(
        (one) =>
          one.pid === pid || family(one.pid ?? 0, (rows ??= listProcesses())).some((row) => row.pid === pid),
      );
  for (const [name, port] of Object.entries(unit.ports)) {
    const news = ports.settle(unit.name, name, port.number, isOwn);
    if (news) say(news);
  }
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

function resolveProbe({ ports }: Session, unit: Service, probe: Probe): ResolvedProbe {
  const port = ports.number(unit.name, probe.port, unit.ports[probe.port].number);
  if (probe.type === 'grpc') return { type: 'grpc', host: HOST, port, service: probe.service };
  if (probe.type !== 'http') return { type: probe.type, host: HOST, port };
  const { status, contains, since, body } = probe;
  return { type: 'http', url: `http://${HOST}:${port}${probe.path}`, status, contains, since, body };
}

/** Writes the unit's registry entry and lets the collectors know when it differs; true when it does. */
async function register(
  session: Session,
  unit: Unit,
  hash: string,
  specs: readonly ProcessSpec[],
  say: Say,
): Promise<boolean> {
  const { stack, loader, ports } = session;
  const { layer, root } = loader.folder(unit.name);
  const service = unit.kind === 'service' ? unit : undefined;
  const address = (port: string) =>
    `http://${HOST}:${ports.number(unit.name, port, service?.ports[port].number ?? 0)}`;
  const probes = specs.map((spec) => spec.ready);
  const http = probes.find((probe) => probe.type === 'http' && probe.body === undefined);
  const entry: RegistryEntry = {
    unit: unit.name,
    kind: unit.kind,
    layer,
    summary: unit.summary,
    hash,
    deployedAt: new Date().toISOString(),
    root,
    dependsOn: dependenciesOf(unit),
    ports: Object.fromEntries(
      Object.entries(service?.ports ?? {}).map(([name, { number, protocol }]) => [
        name,
        { number: ports.number(unit.name, name, number), protocol },
      ]),
    ),
    processes: specs.map((spec) => spec.id),
    url: service?.route && `${address(service.route.port)}${service.route.path ?? ''}`,
    healthUrl: http?.type === 'http' ? http.url : undefined,
    route: service?.route && { host: `${unit.name}.localhost`, target: address(service.route.port) },
    collects: service?.collect !== undefined,
  };
  const before = readEntry(stack, unit.name);
  if (before && same(before, entry)) return false;
  writeEntry(stack, entry);
  await collect(session, say);
  return true;
}

const same = (a: RegistryEntry, b: RegistryEntry): boolean =>
  JSON.stringify({ ...a, deployedAt: '' }) === JSON.stringify({ ...b, deployedAt: '' });

/** Lets every deployed collector write its files anew. */
async function collect(session: Session, say: Say): Promise<void> {
  const entries = readRegistry(session.stack);
  for (const { unit } of entries.filter((entry) => entry.collects)) {
    const definition = session.loader.unit(unit);
    if (definition.kind !== 'service' || !definition.collect) continue;
    const files = definition.collect(entries, planContext(definition, { ...session, progress: say }));
    for (const [file, content] of Object.entries(files)) writeIfChanged(file, content);
  }
}
