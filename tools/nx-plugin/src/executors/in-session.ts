/** What deploy and destroy share: one session for all tasks of a batch, opened by the first and closed at the end. */
import type { TaskGraph } from '@nx/devkit';
import { StackError, checkStack } from '@stack/model';
import { type Deployed, type Session, openSession } from '@stack/runtime';
import { type BatchItem, type Say, inGraphOrder } from './batch';

export interface DeployOptions {
  readonly runtime: 'native' | 'docker' | 'aws';
  readonly verbose?: boolean;
}

export async function* inSession(
  graph: TaskGraph,
  inputs: Record<string, DeployOptions>,
  work: (session: Session, project: string, say: Say) => Promise<Deployed>,
): AsyncGenerator<BatchItem> {
  let session: Promise<Session> | undefined;
  const verbose = Object.values(inputs).some((options) => options.verbose);
  const several = Object.keys(graph.tasks).length > 1;
  try {
    yield* inGraphOrder(graph, verbose, async (project, say, id) => {
      refuseUnbuilt(inputs[id].runtime);
      session ??= open(say, several);
      return (await work(await session, project, say)).summary;
    });
  } finally {
    await session?.then((opened) => opened.close()).catch(() => undefined);
  }
}

async function open(say: Say, several: boolean): Promise<Session> {
  const session = await openSession(say);
  if (several) checkStack(session.loader.all());
  return session;
}

/** @throws StackError for a runtime that isn't there yet. */
function refuseUnbuilt(runtime: DeployOptions['runtime']): void {
  if (runtime === 'native') return;
  throw new StackError(
    'RUNTIME_NOT_BUILT',
    `the runtime ${runtime} isn't built yet`,
    'deploy natively for now (leave -c away); docs/roadmap.md says when the others come',
  );
}
