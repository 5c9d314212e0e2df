/** What the definitions of this workspace are in Docker. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import type { Resolver, Service } from '@stack/model';
import {
  type ContainerSpec,
  ContainerValues,
  Loader,
  Ports,
  type StackPaths,
  containersOf,
  findWorkspace,
  nativeResolver,
  stackPaths,
} from '@stack/runtime';

export interface Containers {
  readonly stack: StackPaths;
  readonly loader: Loader;
  readonly ports: Ports;
  readonly values: ContainerValues;
  /** What references are on this machine. */
  readonly resolver: Resolver;
  readonly services: readonly Service[];
  /** A service's containers, in the order in which they start. */
  of(service: string): ContainerSpec[];
}

/** @param stack default: one that is deployed nowhere */
export function containersHere(stack: StackPaths = nowhere()): Containers {
  const loader = new Loader(stack.workspace);
  const ports = new Ports(stack);
  const values = new ContainerValues(stack, loader, ports);
  const resolver = nativeResolver(stack, loader, ports);
  const services = loader.all().filter((unit): unit is Service => unit.kind === 'service');
  const of = (name: string) => containersOf(loader.unit(name) as Service, stack, values, services);
  return { stack, loader, ports, values, resolver, services, of };
}

const nowhere = (): StackPaths =>
  stackPaths(findWorkspace(), { STACK: 'spec', STACK_HOME: mkdtempSync(path.join(tmpdir(), 'containers-')) });
