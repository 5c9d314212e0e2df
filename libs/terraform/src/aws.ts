/** What a deploy asks AWS beside Terraform: why a service doesn't come up, and a secret's value that is written by hand. */
import { StackError } from '@stack/model';
import { explain } from './diagnostics';
import type { Environment } from './environments';

/** Events and stopped tasks that are shown. */
const SHOWN = 5;

/**
 * Runs calls of AWS's SDK; what Terraform's messages are told as is told the same here.
 * @throws StackError when there are no credentials, or they have expired
 */
export async function asking<T>(what: string, calls: () => Promise<T>): Promise<T> {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  try {
    return await calls();
  } catch (error) {
    if (error instanceof StackError) throw error;
    const { name, message } = error as Error;
    const said =
      name === 'CredentialsProviderError' ? 'No valid credential sources found' : `${name}: ${message}`;
    throw explain(`asking AWS`, [said], what);
  }
}

const prefixOf = ({ project, name }: Environment): string => `${project}-${name}`;

/** Why the unit's tasks don't stay up, in ECS's words, the newest first; empty when there is no such service. */
export async function troubleOf(environment: Environment, unit: string): Promise<string[]> {
  const { DescribeServicesCommand, DescribeTasksCommand, ECSClient, ListTasksCommand } =
    await import('@aws-sdk/client-ecs');
  const ecs = new ECSClient({ region: environment.region });
  const cluster = prefixOf(environment);
  try {
    const { services = [] } = await ecs.send(new DescribeServicesCommand({ cluster, services: [unit] }));
    const events = (services[0]?.events ?? []).slice(0, SHOWN).map(({ message }) => message ?? '');
    const { taskArns = [] } = await ecs.send(
      new ListTasksCommand({ cluster, family: `${cluster}-${unit}`, desiredStatus: 'STOPPED' }),
    );
    if (taskArns.length === 0) return events;
    const { tasks = [] } = await ecs.send(
      new DescribeTasksCommand({ cluster, tasks: taskArns.slice(0, SHOWN) }),
    );
    const stopped = tasks.flatMap(({ stoppedReason, containers = [] }) => [
      ...(stoppedReason ? [`stopped: ${stoppedReason}`] : []),
      ...containers.flatMap(({ name, reason, exitCode }) =>
        reason || exitCode ? [`container ${name}: ${reason ?? `exit status ${exitCode}`}`] : [],
      ),
    ]);
    return [...new Set([...stopped, ...events])];
  } catch (error) {
    if (['ClusterNotFoundException', 'ServiceNotFoundException'].includes((error as Error).name)) return [];
    throw error;
  } finally {
    ecs.destroy();
  }
}

/**
 * Writes the value of a secret that a unit has no value for.
 * @throws StackError when the unit isn't deployed, or has no such secret
 */
export async function writeSecret(
  environment: Environment,
  unit: string,
  key: string,
  value: string,
): Promise<void> {
  await asking(unit, () => putSecret(environment, unit, key, value));
}

async function putSecret(environment: Environment, unit: string, key: string, value: string): Promise<void> {
  const { PutSecretValueCommand, SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
  const client = new SecretsManagerClient({ region: environment.region });
  const SecretId = `${prefixOf(environment)}/${unit}/${key}`;
  try {
    await client.send(new PutSecretValueCommand({ SecretId, SecretString: value }));
  } catch (error) {
    if ((error as Error).name !== 'ResourceNotFoundException') throw error;
    throw new StackError(
      'NO_SECRET',
      `${environment.name} has no secret ${unit}/${key}`,
      `deploy ${unit} first: make deploy-prod ENV=${environment.name}`,
    );
  } finally {
    client.destroy();
  }
}
