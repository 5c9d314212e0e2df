/** What the executors for AWS share: every definition loaded once, one environment, the tasks in the graph's order. */
import type { TaskGraph } from '@nx/devkit';
import { StackError } from '@stack/model';
import { findWorkspace } from '@stack/runtime';
import type { CloudSession, Environment, Work } from '@stack/terraform';
import { type BatchItem, type Say, inGraphOrder } from './batch';
import { cloud } from './cloud';

export interface CloudOptions {
  /** An environment of infra/environments.yml. Default: CLOUD_ENV, else prod. */
  readonly environment?: string;
  readonly verbose?: boolean;
  /** Apply without asking. */
  readonly yes?: boolean;
}

export const environmentOf = (options: CloudOptions): string =>
  options.environment ?? process.env.CLOUD_ENV ?? 'prod';

/** @param work does one unit's task and returns its closing line */
export async function* inCloud(
  graph: TaskGraph,
  inputs: Record<string, CloudOptions>,
  work: (unit: Work, say: Say) => Promise<string>,
): AsyncGenerator<BatchItem> {
  let opened: Promise<{ session: CloudSession; environment: Environment }> | undefined;
  const verbose = Object.values(inputs).some((options) => options.verbose);
  yield* inGraphOrder(graph, verbose, async (project, say, id) => {
    const first = opened === undefined;
    opened ??= open(inputs[id]);
    const { session, environment } = await opened.catch((error: unknown) => {
      throw first ? error : new StackError('NO_SESSION', 'not begun, for the reason above');
    });
    return work(session.work(project, environment, say), say);
  });
}

async function open(options: CloudOptions): Promise<{ session: CloudSession; environment: Environment }> {
  const { CloudSession, Terraform, refuseNobodysAccount } = cloud();
  const session = CloudSession.open(findWorkspace());
  const environment = session.environment(environmentOf(options));
  refuseNobodysAccount(environment);
  await Terraform.version();
  return { session, environment };
}
