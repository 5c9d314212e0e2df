/** What every runtime's deploy shares: modules and jobs, ports, the registry and its collectors. */
import * as path from 'node:path';
import {
  type Job,
  type Module,
  type PlanContext,
  type Probe,
  type RegistryEntry,
  type Resolver,
  type Service,
  type Unit,
  dependenciesOf,
  isWanted,
  probesOf,
} from '@stack/model';
import type { ResolvedProbe } from '@stack/supervisor';
import { digest, sha256, writeIfChanged } from './files';
import type { Loader } from './loader';
import { planContext } from './native/context';
import { clearFailure, writeFailure } from './native/failures';
import type { Ports } from './native/ports';
import { readEntry, readRegistry, writeEntry } from './native/registry';
import { HOST } from './native/resolver';
import type { StackPaths } from './stack';

export interface Deployed {
  /** False when everything was already as wanted. */
  readonly changed: boolean;
  /** What was done, or why the unit is left alone, for the user. */
  readonly summary: string;
  /** It isn't there in this runtime, or isn't asked for. */
  readonly left?: true;
}

export type Say = (message: string) => void;

/** What a deploy works with, in whichever runtime. */
export interface Workplace {
  readonly stack: StackPaths;
  readonly loader: Loader;
  readonly ports: Ports;
  /** What references are on this machine. */
  readonly resolver: Resolver;
}

/** Does a unit's deploy; why it failed is kept for `make status` until one ends well. */
export async function recordingFailure(
  { stack, loader }: Pick<Workplace, 'stack' | 'loader'>,
  name: string,
  deploy: () => Promise<Deployed>,
  told: (error: unknown) => unknown,
): Promise<Deployed> {
  try {
    const deployed = await deploy();
    clearFailure(stack, name);
    return deployed;
  } catch (caught) {
    const error = told(caught);
    const layer = loader.folders.get(name)?.layer;
    if (layer) writeFailure(stack, { unit: name, layer, message: String(error) });
    throw error;
  }
}

/** A module or a job: its work is done when anything that it depends on differs from the last time. */
export async function converge(
  place: Workplace,
  unit: Module | Job,
  context: PlanContext,
  sources: readonly string[],
  work: () => Promise<void>,
): Promise<Deployed> {
  const folder = folderOf(place, unit);
  const outputs = unit.kind === 'module' ? (unit.native?.outputs ?? {}) : {};
  const values = Object.entries({ ...unit.env, ...outputs }).map(([key, value]) => [
    key,
    context.resolve(value),
  ]);
  const hash = sha256(
    JSON.stringify([values, digest([folder, ...sources.map((source) => path.join(folder, source))])]),
  );
  if (readEntry(place.stack, unit.name)?.hash === hash) return { changed: false, summary: 'unchanged' };
  await work();
  await register(place, unit, { hash, processes: [] }, context.progress);
  return { changed: true, summary: unit.kind === 'job' ? 'ran' : 'applied' };
}

/** The definition's folder. */
export const folderOf = ({ stack, loader }: Pick<Workplace, 'stack' | 'loader'>, { name }: Unit): string =>
  path.join(stack.workspace, loader.folder(name).root);

/** A unit that isn't there in this runtime. */
export const left = (why: string): Deployed => ({ changed: false, summary: why, left: true });

/** A unit that PROFILES doesn't ask for; undefined when it does. What was deployed with a profile stays without it. */
export function leftUnasked(stack: StackPaths, unit: Unit): Deployed | undefined {
  if (isWanted(unit) || readEntry(stack, unit.name)) return undefined;
  return left(`is there with PROFILES=${unit.profiles.join(' or PROFILES=')}`);
}

/** @param isOwn whether the process that listens belongs to the unit */
export function settlePorts(
  { ports }: Workplace,
  unit: Service,
  isOwn: (pid: number | undefined, port: number) => boolean,
  say: Say,
): void {
  for (const [name, { number }] of Object.entries(unit.ports)) {
    const news = ports.settle(unit.name, name, number, isOwn);
    if (news) say(news);
  }
}

/** The probe as it is asked from this machine. */
export function resolveProbe({ ports }: Workplace, unit: Service, probe: Probe): ResolvedProbe {
  const port = ports.number(unit.name, probe.port, unit.ports[probe.port].number);
  if (probe.type === 'grpc') return { type: 'grpc', host: HOST, port, service: probe.service };
  if (probe.type !== 'http') return { type: probe.type, host: HOST, port };
  const { status, contains, since, body } = probe;
  return { type: 'http', url: `http://${HOST}:${port}${probe.path}`, status, contains, since, body };
}

export interface Registered {
  readonly hash: string;
  readonly processes: readonly string[];
  /** Where a service's processes are. */
  readonly runtime?: RegistryEntry['runtime'];
  /** `host:port` at which other services reach a port of it. Default: on this machine. */
  reachedAt?(port: string): string;
}

/** What the registry has of a deployed unit. */
export function entryOf(
  { loader, ports }: Pick<Workplace, 'loader' | 'ports'>,
  unit: Unit,
  { hash, processes, runtime, reachedAt }: Registered,
): RegistryEntry {
  const { layer, root } = loader.folder(unit.name);
  const service = unit.kind === 'service' ? unit : undefined;
  const here = (port: string) => `${HOST}:${ports.number(unit.name, port, service?.ports[port].number ?? 0)}`;
  const address = (port: string) => `http://${here(port)}`;
  const target = reachedAt ?? here;
  const probes = service ? probesOf(service.ready).map(([, probe]) => probe) : [];
  const http = probes.find((probe) => probe.type === 'http' && probe.body === undefined);
  return {
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
    processes,
    runtime,
    url: service?.route && `${address(service.route.port)}${service.route.path ?? ''}`,
    token: service?.route?.token,
    healthUrl: http?.type === 'http' ? `${address(http.port)}${http.path}` : undefined,
    health: http?.type === 'http' ? `http://${target(http.port)}${http.path}` : undefined,
    route: service?.route && {
      host: `${unit.name}.localhost`,
      target: `http://${target(service.route.port)}`,
    },
    metrics: service?.metrics && {
      target: target(service.metrics.port),
      path: service.metrics.path ?? '/metrics',
    },
    collects: service?.collect !== undefined,
  };
}

/** Writes the unit's registry entry and lets the collectors know when it differs; true when it does. */
export async function register(
  place: Workplace,
  unit: Unit,
  registered: Registered,
  say: Say,
): Promise<boolean> {
  const entry = entryOf(place, unit, registered);
  const before = readEntry(place.stack, unit.name);
  if (before && same(before, entry)) return false;
  writeEntry(place.stack, entry);
  await collect(place, say);
  return true;
}

const same = (a: RegistryEntry, b: RegistryEntry): boolean =>
  JSON.stringify({ ...a, deployedAt: '' }) === JSON.stringify({ ...b, deployedAt: '' });

/** Lets every deployed collector write its files anew. */
export async function collect(place: Workplace, say: Say): Promise<void> {
  const entries = readRegistry(place.stack);
  for (const { unit } of entries.filter((entry) => entry.collects)) {
    const definition = place.loader.unit(unit);
    if (definition.kind === 'service')
      writeCollected(definition, entries, planContext(definition, { ...place, progress: say }));
  }
}

/** The files of one collector: path → content. */
export function collectedBy(
  { collect: collector }: Service,
  entries: readonly RegistryEntry[],
  context: PlanContext,
): [string, string][] {
  if (!collector) return [];
  const folder = context.volume(collector.into);
  return Object.entries(collector.files(entries, context)).map(([file, content]) => [
    path.join(folder, file),
    content,
  ]);
}

/** Writes the files of one collector. */
export function writeCollected(
  service: Service,
  entries: readonly RegistryEntry[],
  context: PlanContext,
): void {
  for (const [file, content] of collectedBy(service, entries, context)) writeIfChanged(file, content);
}
