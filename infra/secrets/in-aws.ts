/**
 * A unit's secrets in AWS Secrets Manager. Values are made by AWS and go from there to where they are needed as write-only and
 * ephemeral values: they are in no plan and in no state.
 */
import { createHash } from 'node:crypto';
import {
  type UnitStack,
  type Variable,
  addressOf,
  aws,
  resourceName,
  secretName,
} from '@stack/terraform/cdktf';
import type { Reference, Value } from '@stack/model';
import { secrets } from './module';

/** Makes the service's generated secrets. Returns outputs `secret_<key>`: the ARN of each. */
export function ownSecrets(stack: UnitStack): Record<string, string> {
  const { secrets: own } = stack.service;
  return Object.fromEntries(
    Object.entries(own).map(([key, { bytes }]) => {
      stack.addOverride(`ephemeral.aws_secretsmanager_random_password.${resourceName(key)}`, {
        password_length: Math.ceil((bytes * 8) / 6),
        exclude_punctuation: true,
      });
      const value = `\${ephemeral.aws_secretsmanager_random_password.${resourceName(key)}.random_password}`;
      const secret = makeSecret(stack, key, key, value, 1);
      rotate(stack, key, secret);
      return [`secret_${key}`, secret.arn];
    }),
  );
}

/**
 * Environment variables as a task gets them: a value that contains a secret becomes a secret of its own (an address with its
 * password), read when the task starts. Those that have no meaning in AWS are left out.
 */
export function variables(stack: UnitStack, env: Readonly<Record<string, Value>>): Record<string, Variable> {
  const entries = Object.entries(env).flatMap(([name, value]): [string, Variable][] => {
    const resolved = stack.resolve(value);
    if (resolved === undefined) return [];
    if (stack.isSecretOutput(value)) return [[name, { secret: resolved }]];
    const inside = stack.secretsIn(value);
    if (inside.length === 0) return [[name, { value: resolved }]];
    const [only] = inside;
    if (value === only) return [[name, { secret: `\${${stack.secretArn(only)}}` }]];
    for (const reference of inside) readSecret(stack, reference);
    const secret = makeSecret(stack, `env_${name}`, `env/${name}`, resolved, versionOf(resolved));
    return [[name, { secret: secret.arn }]];
  });
  return Object.fromEntries(entries);
}

/**
 * A secret whose value somebody writes by hand (`make cloud-secret`): a key that another party knows half of. Returns its ARN.
 */
export function givenSecret(stack: UnitStack, key: string): string {
  const secret = new aws.SecretsmanagerSecret(stack, `secret-${key}`, {
    name: `${stack.prefix}/${stack.unit.name}/${key}`,
    kmsKeyId: stack.outputOf(secrets, 'keyArn'),
    recoveryWindowInDays: stack.environment.secrets.recoveryDays,
  });
  return secret.arn;
}

/**
 * The value of one of the unit's own secrets, for an argument that is only written. It is read from where it is kept: what a second
 * try makes at random isn't what the first one has kept.
 */
export function valueOf(stack: UnitStack, key: string): string {
  const reference: Reference = { $ref: 'secret', unit: stack.unit.name, key };
  readSecret(stack, reference);
  return String(stack.resolve(reference));
}

/** Lets the stack read a secret's value while Terraform works. */
function readSecret(stack: UnitStack, reference: Reference): void {
  const own = reference.unit === stack.unit.name;
  stack.addOverride(`ephemeral.aws_secretsmanager_secret_version.${secretName(reference)}`, {
    secret_id: `\${${stack.secretArn(reference)}}`,
    ...(own && { depends_on: [`aws_secretsmanager_secret_version.${resourceName(reference.key)}`] }),
  });
}

function makeSecret(
  stack: UnitStack,
  id: string,
  name: string,
  value: string,
  version: number,
): aws.SecretsmanagerSecret {
  const secret = new aws.SecretsmanagerSecret(stack, `secret-${id}`, {
    name: `${stack.prefix}/${stack.unit.name}/${name}`,
    kmsKeyId: stack.outputOf(secrets, 'keyArn'),
    recoveryWindowInDays: stack.environment.secrets.recoveryDays,
  });
  secret.overrideLogicalId(resourceName(id));
  const content = new aws.SecretsmanagerSecretVersion(stack, `version-${id}`, {
    secretId: secret.id,
    secretStringWo: value,
    secretStringWoVersion: version,
  });
  content.overrideLogicalId(resourceName(id));
  stack.beforeStart.push(addressOf(content));
  return secret;
}

/** A number that differs when the text does: a write-only value is written again only with another version. */
const versionOf = (text: string): number =>
  Number.parseInt(createHash('sha256').update(text).digest('hex').slice(0, 7), 16);

function rotate(stack: UnitStack, key: string, secret: aws.SecretsmanagerSecret): void {
  const { rotation } = stack.environment.secrets;
  if (!rotation) return;
  const rotating = new aws.SecretsmanagerSecretRotation(stack, `rotation-${key}`, {
    secretId: secret.id,
    rotationLambdaArn: rotation.lambda,
    rotationRules: { automaticallyAfterDays: rotation.days },
    rotateImmediately: false,
  });
  rotating.overrideLogicalId(resourceName(key));
}
