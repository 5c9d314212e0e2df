import { existsSync } from 'node:fs';
import { StackError } from '@stack/model';
import { Loader, readSecret, secretFile, stackPaths } from '@stack/runtime';

/** `stack secret UNIT KEY`: the value and nothing else, for use in a script. */
export function secret(unit: string, key: string): void {
  const stack = stackPaths();
  const definition = new Loader(stack.workspace).unit(unit);
  const secrets = definition.kind === 'service' ? definition.secrets : {};
  const known = Object.keys(secrets);
  if (!(key in secrets))
    throw new StackError(
      'UNKNOWN_SECRET',
      `${unit} has no secret ${key}`,
      known.length > 0 ? `choose one of ${known.join(', ')}` : `${unit} has no secrets at all`,
    );
  if (!existsSync(secretFile(stack, unit, key)))
    throw new StackError(
      'NOT_DEPLOYED',
      `${unit} isn't deployed in the stack ${stack.name}, so its ${key} doesn't exist yet`,
      'make deploy-local',
    );
  console.log(readSecret(stack, unit, key, secrets[key]));
}
