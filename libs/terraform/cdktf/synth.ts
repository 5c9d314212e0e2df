/** Terraform's files of one unit in one environment. */
import * as path from 'node:path';
import { App } from 'cdktf';
import { StackError, type Unit } from '@stack/model';
import type { Environment } from '../src/environments';
import { type Resources, UnitStack } from './unit-stack';

export interface Synthesised {
  /** What Terraform reads, as `main.tf.json`. */
  readonly terraform: Record<string, Record<string, unknown>>;
  /** Units whose outputs it reads. */
  readonly imports: readonly string[];
}

/**
 * Makes a unit's resources.
 * @returns undefined for a unit that has none in AWS
 */
export function synthesise(
  unit: Unit,
  environment: Environment,
  units: readonly Unit[],
): Synthesised | undefined {
  if (unit.kind === 'job' || !unit.aws || 'none' in unit.aws) return undefined;
  const { resources, options = {} } = 'resources' in unit.aws ? unit.aws : { resources: './aws' };
  const stack = new UnitStack(new App(), { unit, environment, units });
  const outputs = load(unit, resources)(stack, options);
  const declared = unit.kind === 'module' ? Object.keys(unit.aws?.outputs ?? {}) : undefined;
  const differing =
    declared &&
    [...declared, ...Object.keys(outputs)].find((name) => !declared.includes(name) || !(name in outputs));
  if (differing)
    throw new StackError(
      'DEFINITION_INVALID',
      `${unit.file}: aws.outputs: ${differing} is ${declared.includes(differing) ? 'named, and the resources have no such output' : 'an output of the resources, and not named'}`,
    );
  stack.give(outputs);
  stack.prepareStack();
  const { '//': _metadata, ...terraform } = stack.toTerraform() as Record<string, Record<string, unknown>>;
  // Where the state lies is told to Terraform when it is run.
  delete terraform.terraform.backend;
  return { terraform: withoutNotes(terraform), imports: [...stack.imports].sort() };
}

/** What the definition's folder would import by that name. */
function load(unit: Unit, name: string): Resources {
  const file = name.startsWith('.') ? path.resolve(path.dirname(unit.file), name) : name;
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the name is only known now
  return (require(file) as { default: Resources }).default;
}

/** Without the notes that cdktf makes on each resource, its path in the tree of constructs. */
function withoutNotes<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutNotes) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== '//')
      .map(([key, inner]) => [key, withoutNotes(inner)]),
  ) as T;
}
