/**
 * What a value is in a cluster: a service is reached under its name, secrets are of the Secret that has the service's name. A value
 * with a secret inside is put together by the kubelet, which replaces `$(NAME)`.
 */
import {
  type Reference,
  type Service,
  type Unit,
  type Value,
  insideOf,
  isJoined,
  isReference,
  referencesIn,
} from '@stack/model';
import type { EnvVar } from 'kubernetes-types/core/v1';

/** Where containers of ours have what natively is the checkout and the stack's folder. */
const CONTAINER: Readonly<Record<string, string>> = { workspace: '/app', dir: '/stack', bind: '0.0.0.0' };

export class Values {
  constructor(
    private readonly namespace: string,
    private readonly units: readonly Unit[],
    /** Services that are in the cluster. */
    private readonly present: ReadonlySet<string>,
  ) {}

  /** The environment as a container has it; what has no meaning in a cluster is left out. */
  environment(env: Readonly<Record<string, Value>>): EnvVar[] {
    const secrets = new Map<string, EnvVar>();
    const variables = Object.entries(env).flatMap(([name, value]): EnvVar[] => {
      const flat = this.flatten(value);
      if (flat === undefined) return [];
      if (isReference(flat) && flat.$ref === 'secret') return [{ name, valueFrom: fromSecret(flat) }];
      for (const reference of referencesIn(flat).filter(({ $ref }) => $ref === 'secret'))
        secrets.set(variableOf(reference), { name: variableOf(reference), valueFrom: fromSecret(reference) });
      return [{ name, value: this.text(flat) }];
    });
    // A variable is only replaced by one that stands before it.
    return [...secrets.values(), ...variables];
  }

  /** Outputs of modules replaced by what they are made of; undefined when anything in it isn't in the cluster. */
  private flatten(value: Value): Value | undefined {
    if (isReference(value)) {
      if (value.$ref === 'output') {
        const module = this.unit(value.unit);
        const output = module?.kind === 'module' ? module.native?.outputs[value.key] : undefined;
        return output === undefined ? undefined : this.flatten(output);
      }
      if (value.$ref === 'stack') return value.key === 'socket' ? undefined : value;
      return this.present.has(value.unit) ? value : undefined;
    }
    if (!isJoined(value)) return value;
    const parts = value.$join.map((part) => this.flatten(part));
    return parts.includes(undefined) ? undefined : { ...value, $join: parts as Value[] };
  }

  private text(value: Value): string {
    if (isReference(value)) return this.reference(value);
    // Generated secrets have no character that a URL would encode, which the kubelet couldn't do.
    if (isJoined(value)) return value.$join.map((part) => this.text(part)).join('');
    return String(value);
  }

  private reference(reference: Reference): string {
    const { $ref, unit, key } = reference;
    const service = () => this.unit(unit) as Service;
    switch ($ref) {
      case 'host':
        return unit;
      case 'port':
      case 'published':
        return String(insideOf(service().ports[key]));
      case 'volume':
        return service().volumes[key];
      case 'secret':
        return `$(${variableOf(reference)})`;
      case 'stack':
        return key === 'name' ? this.namespace : CONTAINER[key];
      case 'output':
        throw new Error(`${unit}.${key} wasn't flattened`);
    }
  }

  private unit = (name: string): Unit | undefined => this.units.find((one) => one.name === name);
}

const fromSecret = ({ unit, key }: Reference): EnvVar['valueFrom'] => ({ secretKeyRef: { name: unit, key } });

const variableOf = ({ unit, key }: Reference): string =>
  `SECRET_${unit}_${key}`.toUpperCase().replaceAll(/\W/g, '_');
