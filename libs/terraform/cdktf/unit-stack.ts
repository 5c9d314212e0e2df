/**
 * The Terraform of one unit in one environment: what its `aws.ts` gets to put its resources into.
 *
 * Each unit has a state of its own. What it takes from another unit is read from that one's state (`terraform_remote_state`); where
 * that lies isn't known here but when Terraform is run (`backend.tf.json`), so that the same files go to any backend.
 */
import type { App } from 'cdktf';
import { TerraformOutput, type TerraformResource, TerraformStack, Token } from 'cdktf';
import {
  type Module,
  type Reference,
  type Service,
  StackError,
  type Unit,
  type Value,
  insideOf,
  isJoined,
  isReference,
  referencesIn,
} from '@stack/model';
import type { Environment } from '../src/environments';
import { AwsProvider } from './aws';

export { repositoryOf } from '../src/images';

/** Where a container of ours has what natively is the checkout and the stack's folder. */
const CONTAINER = { workspace: '/app', dir: '/stack', bind: '0.0.0.0' } as const;

/** Makes a unit's resources; returns its outputs, without secrets. `options` are those of the definition. */
export type Resources<O = object> = (stack: UnitStack, options: O) => Record<string, string | string[]>;

/** For `export default` in a unit's `aws.ts`. */
export const defineResources = (resources: Resources): Resources => resources;

/** An environment variable as a task gets it: a value, or a secret that is read when the task starts. */
export type Variable = { readonly value: string } | { readonly secret: string };

export interface UnitStackOptions {
  readonly unit: Unit;
  readonly environment: Environment;
  /** Every unit of the workspace. */
  readonly units: readonly Unit[];
}

export class UnitStack extends TerraformStack {
  readonly unit: Unit;
  readonly environment: Environment;
  /** Every unit of the workspace; for modules that have a resource for each. */
  readonly units: readonly Unit[];
  /** Addresses of what a service's first task needs to be there. */
  readonly beforeStart: string[] = [];
  /** Units whose state this one reads. */
  readonly imports = new Set<string>();
  /** ARNs of the policies that references to other units' outputs stand for. */
  readonly policies = new Set<string>();

  constructor(app: App, { unit, environment, units }: UnitStackOptions) {
    super(app, unit.name);
    this.unit = unit;
    this.environment = environment;
    this.units = units;
    this.addOverride('terraform.required_version', '>= 1.11');
  }

  /** The provider of AWS; for units that have something there. */
  useAws(): this {
    const { account, region, project, name } = this.environment;
    new AwsProvider(this, 'aws', {
      region,
      allowedAccountIds: [account],
      defaultTags: [
        { tags: { project, environment: name, unit: this.unit.name, 'managed-by': 'terraform' } },
      ],
    });
    return this;
  }

  /** `<project>-<environment>-<part>`: names of what shares a namespace with others'. */
  named(part: string): string {
    return `${this.prefix}-${part}`;
  }

  /** Begins the names of all that the environment has. */
  get prefix(): string {
    return `${this.environment.project}-${this.environment.name}`;
  }

  /** The unit as a service; for resources that only a service has. */
  get service(): Service {
    if (this.unit.kind === 'service') return this.unit;
    throw new StackError('DEFINITION_INVALID', `${this.unit.file}: ${this.unit.name} is no service`);
  }

  /** Another unit's output, as Terraform will read it. */
  outputOf(module: Module, output: string): string {
    return `\${${this.expression(module, output)}}`;
  }

  /** Another unit's output that is a list of texts. */
  listOf(module: Module, output: string): string[] {
    return Token.asList(this.outputOf(module, output));
  }

  /** What a value is in AWS; undefined when it has no meaning there (a key where there are roles, a socket of this machine). */
  resolve(value: Value): string | undefined {
    if (isReference(value)) return this.reference(value);
    if (!isJoined(value)) return String(value);
    const parts = value.$join.map((part) => this.resolve(part));
    if (parts.includes(undefined)) return undefined;
    const joined = parts.join('');
    if (value.encode !== 'uri') return joined;
    const [only] = parts;
    return parts.length === 1 && only?.startsWith('${')
      ? `\${urlencode(${only.slice(2, -1)})}`
      : encodeURIComponent(joined);
  }

  /** Whether the value is another unit's output that is the ARN of a secret. */
  isSecretOutput(value: Value): boolean {
    if (!isReference(value) || value.$ref !== 'output') return false;
    return (this.lookUp(value.unit) as Module).aws?.secrets?.includes(value.key) ?? false;
  }

  /** The secrets that a value contains. */
  secretsIn(value: Value): Reference[] {
    return referencesIn(value).filter((reference) => reference.$ref === 'secret');
  }

  /** The expression of the ARN of a secret. */
  secretArn({ unit, key }: Reference): string {
    return unit === this.unit.name
      ? `aws_secretsmanager_secret.${resourceName(key)}.arn`
      : this.remote(unit, `secret_${key}`);
  }

  private reference(reference: Reference): string | undefined {
    const { $ref, unit, key } = reference;
    if (unit && this.isAbsent(unit)) return undefined;
    switch ($ref) {
      case 'stack':
        return key === 'name' ? this.prefix : CONTAINER[key as keyof typeof CONTAINER];
      case 'host':
        return unit === this.unit.name ? this.hostName : `\${${this.remote(unit, 'host')}}`;
      case 'port':
      case 'published':
        return String(insideOf((this.lookUp(unit) as Service).ports[key]));
      case 'volume':
        return (this.lookUp(unit) as Service).volumes[key];
      case 'secret':
        return `\${ephemeral.aws_secretsmanager_secret_version.${secretName(reference)}.secret_string}`;
      case 'output':
        return this.moduleOutput(reference);
    }
  }

  /** Under which other units reach this one. */
  get hostName(): string {
    return `${this.unit.name}.${this.prefix}.internal`;
  }

  private moduleOutput({ unit, key }: Reference): string | undefined {
    const module = this.lookUp(unit) as Module;
    const policy = module.aws?.policies?.[key];
    if (policy) this.policies.add(this.outputOf(module, policy));
    const onlyNative = !(key in (module.aws?.outputs ?? {})) && key in (module.native?.outputs ?? {});
    return policy || onlyNative ? undefined : this.outputOf(module, key);
  }

  private expression(module: Module, key: string): string {
    const outputs = Object.keys(module.aws?.outputs ?? {});
    if (outputs.includes(key)) return this.remote(module.name, key);
    throw new StackError(
      'UNKNOWN_REFERENCE',
      `${this.unit.file}: ${module.name} has no output ${key} in AWS (it has ${outputs.join(', ') || 'none'})`,
      `add it to ${module.file}, aws.outputs`,
    );
  }

  /** Whether nothing of the unit is in AWS. */
  private isAbsent(name: string): boolean {
    const unit = this.lookUp(name);
    return unit.kind === 'service' && (!unit.aws || 'none' in unit.aws);
  }

  private lookUp(name: string): Unit {
    const unit = this.units.find((one) => one.name === name);
    if (unit) return unit;
    throw new StackError(
      'UNKNOWN_REFERENCE',
      `${this.unit.file}: refers to ${name}, which is no unit of this workspace`,
    );
  }

  private remote(unit: string, output: string): string {
    this.imports.add(unit);
    return `data.terraform_remote_state.${unit}.outputs.${output}`;
  }

  /** Writes the outputs. */
  give(outputs: Record<string, string | string[]>): void {
    for (const [name, value] of Object.entries(outputs)) {
      if (/ephemeral\.|\.secret_string\b|_wo\b/.test(String(value)))
        throw new StackError(
          'SECRET_IN_OUTPUT',
          `${this.unit.file}: output ${name}: has a secret in it, which would be in the state for everybody to read`,
          "give the secret's ARN",
        );
      new TerraformOutput(this, `output-${name}`, { value }).overrideLogicalId(name);
    }
  }
}

/** A resource's address, as `depends_on` has it. */
export const addressOf = (resource: TerraformResource): string =>
  `${resource.terraformResourceType}.${resource.friendlyUniqueId}`;

/** A key as a name in Terraform's language. */
export const resourceName = (key: string): string => key.replaceAll(/[^A-Za-z0-9_-]/g, '_');

/** Name under which a secret's value is read while Terraform works; it isn't written to the state. */
export const secretName = ({ unit, key }: Reference): string => resourceName(`${unit}_${key}`);
