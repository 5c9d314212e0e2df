/** What the definitions of this workspace are in Docker, in a stack that is deployed nowhere. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import type { Service } from '@stack/model';
import {
  type ContainerSpec,
  ContainerValues,
  Loader,
  Ports,
  type StackPaths,
  containersOf,
  findWorkspace,
  stackPaths,
} from '@stack/runtime';

export interface Containers {
  readonly stack: StackPaths;
  readonly loader: Loader;
  readonly ports: Ports;
  readonly values: ContainerValues;
  readonly services: readonly Service[];
  /** A service's containers, in the order in which they start. */
  of(service: string): ContainerSpec[];
}

export function containersHere(): Containers {
  const home = mkdtempSync(path.join(tmpdir(), 'containers-'));
  const stack = stackPaths(findWorkspace(), { STACK: 'spec', STACK_HOME: home });
  const loader = new Loader(stack.workspace);
  const ports = new Ports(stack, {});
  const values = new ContainerValues(stack, loader, ports);
  const services = loader.all().filter((unit): unit is Service => unit.kind === 'service');
  const of = (name: string) => containersOf(loader.unit(name) as Service, stack, values, services);
  return { stack, loader, ports, values, services, of };
}
