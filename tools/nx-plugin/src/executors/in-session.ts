/** What deploy and destroy share: one session for all tasks of a batch, opened by the first and closed at the end. */
import { appendFileSync } from 'node:fs';
import type { TaskGraph } from '@nx/devkit';
import { StackError, checkStack } from '@stack/model';
import { type Deployed, type Session, openSession, unknownPortVariables } from '@stack/runtime';
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
    yield* inGraphOrder(graph, verbose, async (project, say) => {
      const first = session === undefined;
      session ??= open(say, several);
      const opened = await session.catch((error: unknown) => {
        // Everybody fails for the same reason: told once.
        throw first ? error : new StackError('NO_SESSION', 'not begun, for the reason above');
      });
      const deployed = await work(opened, project, say);
      tellChange(deployed, project);
      return deployed.summary;
    });
  } finally {
    await session?.then((opened) => opened.close()).catch(() => undefined);
  }
}

async function open(say: Say, several: boolean): Promise<Session> {
  const session = await openSession(say);
  if (!several) return session;
  try {
    const units = session.loader.all();
    checkStack(units);
    unknownPortVariables(units, process.env).forEach(say);
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

/** `stack up` asks by this file what its deploy has changed. */
export function tellChange({ changed }: Deployed, project: string): void {
  if (changed && process.env.STACK_CHANGES) appendFileSync(process.env.STACK_CHANGES, `${project}\n`);
}
