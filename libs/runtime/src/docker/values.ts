/** What a reference is inside a container: a service answers under its container's name, with its definition's ports. */
import {
  type Reference,
  type Service,
  StackError,
  type Value,
  insideOf,
  isSecret,
  mapReferences,
  resolve,
} from '@stack/model';
import type { Loader } from '../loader';
import { readSecret } from '../native/secrets';
import { servedBy } from './containers';
import type { Ports } from '../native/ports';
import type { StackPaths } from '../stack';

/** Where images of ours have what natively is the checkout, and where the volume is that the stack's programs share. */
const PLACES = { workspace: '/app', dir: '/stack', bind: '0.0.0.0', socket: '' } as const;

export interface ContainerValue {
  readonly text: string;
  readonly secret: boolean;
  /** It lies in the stack's shared volume. */
  readonly shared: boolean;
  /** Services that it leads to. */
  readonly services: readonly string[];
}

export class ContainerValues {
  constructor(
    private readonly stack: StackPaths,
    private readonly loader: Loader,
    private readonly ports: Ports,
  ) {}

  of(value: Value): ContainerValue {
    const flat = this.flat(value);
    const references: Reference[] = [];
    const text = resolve(flat, (reference) => {
      references.push(reference);
      return this.reference(reference);
    });
    return {
      text,
      secret: isSecret(flat),
      shared: references.some(({ $ref, key }) => $ref === 'stack' && key === 'dir'),
      services: references.filter(({ $ref }) => $ref === 'host').map(({ unit }) => unit),
    };
  }

  /** Outputs of modules replaced by what they are made of. */
  private flat(value: Value): Value {
    return mapReferences(value, (reference) => {
      if (reference.$ref !== 'output') return reference;
      const module = this.loader.unit(reference.unit);
      const output = module.kind === 'module' ? module.native?.outputs[reference.key] : undefined;
      if (output === undefined)
        throw new StackError(
          'UNKNOWN_REFERENCE',
          `${reference.unit} has no output ${reference.key} in a container`,
        );
      return this.flat(output);
    });
  }

  private reference({ $ref, unit, key }: Reference): string {
    const service = () => this.loader.unit(unit) as Service;
    switch ($ref) {
      case 'host':
        return servedBy(service(), key);
      case 'port':
        return String(insideOf(service().ports[key]));
      case 'published':
        return String(this.ports.number(unit, key, service().ports[key].number));
      case 'secret':
        return readSecret(this.stack, unit, key, service().secrets[key]);
      case 'volume':
        return service().volumes[key];
      case 'stack':
        if (key === 'name') return this.stack.name;
        if (key === 'inbox') return this.stack.inbox;
        return PLACES[key as keyof typeof PLACES];
      case 'output':
        throw new Error(`${unit}.${key} wasn't flattened`);
    }
  }
}
