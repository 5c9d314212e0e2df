/** For specs: a unit's Terraform files as data. */
import type { Unit } from '@stack/model';
import { type Environment, parseEnvironments } from '../src/environments';
import { type Synthesised, synthesise } from './synth';

/** An environment with the file's defaults; `settings` is YAML of what differs, indented by two spaces. */
export function environment(settings = '', name = 'prod'): Environment {
  const text = `
project: fds
repository: acme/data
${name}:
  account: '111122223333'
  region: eu-central-1
  deployFrom: { environment: prod }
  snowflake: { organization: ACME, account: PROD }
${settings}`;
  return parseEnvironments(text)[name];
}

/** Resources of one type, by name. */
export interface Made {
  readonly synth: Synthesised;
  /** The only resource of that type, or the one of that name. */
  resource(type: string, name?: string): Record<string, never>;
  resources(type: string): Record<string, Record<string, never>>;
  readonly outputs: Record<string, unknown>;
  readonly text: string;
}

/** @param units what the unit refers to */
export function made(unit: Unit, units: readonly Unit[] = [], at: Environment = environment()): Made {
  const synth = synthesise(unit, at, [unit, ...units]);
  if (!synth) throw new Error(`${unit.name} has nothing in AWS`);
  const all = (synth.terraform.resource ?? {}) as Record<string, Record<string, Record<string, never>>>;
  const resources = (type: string) => all[type] ?? {};
  return {
    synth,
    resources,
    resource: (type, name) => {
      const found = resources(type);
      const names = Object.keys(found);
      if (name === undefined && names.length !== 1)
        throw new Error(`${unit.name} has ${names.length} ${type}: ${names.join(', ')}`);
      const one = found[name ?? names[0]];
      if (!one) throw new Error(`${unit.name} has no ${type} ${name}: ${names.join(', ')}`);
      return one;
    },
    outputs: Object.fromEntries(
      Object.entries((synth.terraform.output ?? {}) as Record<string, { value: unknown }>).map(
        ([name, { value }]) => [name, value],
      ),
    ),
    text: JSON.stringify(synth.terraform),
  };
}
