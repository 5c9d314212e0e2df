/** What a reference is on this machine: every server is at 127.0.0.1, secrets are files, outputs are values of the local twin. */
import * as path from 'node:path';
import { type Reference, type Resolver, type Service, StackError, resolve } from '@stack/model';
import type { Loader } from '../loader';
import type { StackPaths } from '../stack';
import type { Ports } from './ports';
import { readSecret } from './secrets';

export const HOST = '127.0.0.1';

/** The folder of a service's volume on this machine. */
export const volumeDir = (stack: StackPaths, { name, yours }: Service, volume: string): string =>
  yours.includes(volume) ? path.join(stack.files, volume) : path.join(stack.data, name, volume);

export function nativeResolver(stack: StackPaths, loader: Loader, ports: Ports): Resolver {
  const service = (reference: Reference): Service => {
    const unit = loader.unit(reference.unit);
    if (unit.kind === 'service') return unit;
    throw new StackError(
      'UNKNOWN_REFERENCE',
      `${reference.unit} is no service: it has no ${reference.$ref} ${reference.key}`,
    );
  };
  const resolver: Resolver = (reference) => {
    const { unit, key } = reference;
    switch (reference.$ref) {
      case 'host':
        return HOST;
      case 'port':
      case 'published':
        return String(ports.number(unit, key, service(reference).ports[key].number));
      case 'secret':
        return readSecret(stack, unit, key, service(reference).secrets[key]);
      case 'volume':
        return volumeDir(stack, service(reference), key);
      case 'output': {
        const module = loader.unit(unit);
        const value = module.kind === 'module' ? module.native?.outputs[key] : undefined;
        if (value !== undefined) return resolve(value, resolver);
        throw new StackError('UNKNOWN_REFERENCE', `${unit} has no output ${key} on this machine`);
      }
      case 'stack':
        return key === 'bind' ? HOST : stack[key as 'name' | 'workspace' | 'dir' | 'socket' | 'inbox'];
    }
  };
  return resolver;
}
