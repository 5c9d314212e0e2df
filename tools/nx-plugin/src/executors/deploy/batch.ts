import type { ExecutorContext, TaskGraph } from '@nx/devkit';
import { StackError, checkStack } from '@stack/model';
import { type Session, deployUnit, openSession } from '@stack/runtime';
import { type BatchItem, inGraphOrder } from '../batch';

export interface DeployOptions {
  readonly runtime: 'native' | 'docker' | 'aws';
  readonly verbose?: boolean;
}

/** Deploys every unit of the batch in one session. */
export default async function* deployBatch(
  graph: TaskGraph,
  inputs: Record<string, DeployOptions>,
  _overrides: DeployOptions,
  _context: ExecutorContext,
): AsyncGenerator<BatchItem> {
  let session: Promise<Session> | undefined;
  const verbose = Object.values(inputs).some((options) => options.verbose);
  try {
    yield* inGraphOrder(graph, verbose, async (project, say, id) => {
      refuseUnbuilt(inputs[id].runtime);
      session ??= open(say, Object.keys(graph.tasks).length > 1);
      const { summary } = await deployUnit(await session, project, say);
      return summary;
    });
  } finally {
    await session?.then((opened) => opened.close()).catch(() => undefined);
  }
}

async function open(say: (message: string) => void, several: boolean): Promise<Session> {
  const session = await openSession(say);
  if (several) checkStack(session.loader.all());
  return session;
}

/** @throws StackError for a runtime that isn't there yet. */
export function refuseUnbuilt(runtime: DeployOptions['runtime']): void {
  if (runtime === 'native') return;
  throw new StackError(
    'RUNTIME_NOT_BUILT',
    `the runtime ${runtime} isn't built yet`,
    'deploy natively for now (leave -c away); docs/roadmap.md says when the others come',
  );
}
