/**
 * One environment in the cloud, as executors and commands work on it: its settings, every unit's Terraform files, made now from the
 * definitions, so that nothing stale is applied.
 */
import { existsSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { StackError, type Unit, isOwnImage } from '@stack/model';
import { Loader } from '@stack/runtime';
import { ENVIRONMENTS_FILE, type Environment, environmentNamed, readEnvironments } from './environments';
import { imageTag } from './images';
import type { Work } from './operations';

type Cdktf = typeof import('../cdktf');

/** Variables of the caller's that units in the cloud mustn't depend on: their settings are in infra/environments.yml. */
const KEPT =
  /^(PATH|HOME|USER|TMPDIR|LANG|LC_\w+|TERM|CI|NX_\w+|NODE_\w+|npm_\w+|AWS_\w+|SNOWFLAKE_\w+|TF_\w+|\w*_PROXY|\w*_proxy|SSL_CERT_\w+|CLOUD_\w+|STACK_CDKTF)$/;

export class CloudSession {
  private tag?: string;

  private constructor(
    readonly workspace: string,
    readonly loader: Loader,
    readonly units: readonly Unit[],
    private readonly cdktf: Cdktf,
  ) {}

  /** Loads every definition. */
  static open(workspace: string): CloudSession {
    for (const name of Object.keys(process.env)) if (!KEPT.test(name)) delete process.env[name];
    const loader = new Loader(workspace);
    const units = loader.all();
    requireCdktf(workspace);
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- it needs packages that are installed when they are wanted
    return new CloudSession(workspace, loader, units, require('../cdktf') as Cdktf);
  }

  environments(): Record<string, Environment> {
    return readEnvironments(this.workspace);
  }

  /** @throws StackError naming those that there are */
  environment(name: string): Environment {
    const environment = environmentNamed(this.environments(), name);
    const services = this.units.flatMap((unit) => (unit.kind === 'service' ? [unit.name] : []));
    const unknown = [...Object.keys(environment.services), ...(environment.public?.services ?? [])].find(
      (service) => !services.includes(service),
    );
    if (unknown)
      throw new StackError(
        'ENVIRONMENTS_INVALID',
        `${ENVIRONMENTS_FILE}: ${name}: there is no service ${unknown}`,
        `choose from ${services.join(', ')}`,
      );
    return environment;
  }

  synthesise(unit: string, environment: Environment) {
    return this.cdktf.synthesise(this.loader.unit(unit), environment, this.units);
  }

  work(unit: string, environment: Environment, say: (message: string) => void): Work {
    const { workspace } = this;
    const definition = this.loader.unit(unit);
    const image = definition.kind === 'service' ? definition.docker?.image : undefined;
    return {
      workspace,
      environment,
      unit,
      synth: this.synthesise(unit, environment),
      image: image && isOwnImage(image) ? image : undefined,
      imageTag: (this.tag ??= imageTag(workspace)),
      say,
    };
  }
}

const CDKTF = 'libs/terraform/cdktf';

/** @throws StackError when cdktf's packages aren't installed, or are those of another lock file */
function requireCdktf(workspace: string): void {
  if (isInstalled(workspace)) return;
  throw new StackError('NO_CDKTF', "cdktf's packages aren't installed", 'npx nx run terraform:install');
}

/** Whether the installed packages are those of the lock file. */
export function isInstalled(workspace: string): boolean {
  const installed = path.join(workspace, CDKTF, 'node_modules', '.stamp');
  return existsSync(installed) && readFileSync(installed, 'utf8') === lockFile(workspace);
}

const lockFile = (workspace: string) =>
  readFileSync(path.join(workspace, CDKTF, 'package-lock.json'), 'utf8');
