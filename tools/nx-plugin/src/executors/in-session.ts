/** What deploy and destroy share, natively and in Docker: one session for all tasks of a batch, opened by the first and closed at the end. */
import { appendFileSync } from 'node:fs';
import type { TaskGraph } from '@nx/devkit';
import { StackError, checkStack } from '@stack/model';
import { type Deployed, type Loader, unknownPortVariables } from '@stack/runtime';
import { type BatchItem, type Say, inGraphOrder } from './batch';

export interface DeployOptions {
  readonly runtime: 'native' | 'docker' | 'aws';
  readonly verbose?: boolean;
}

interface Closable {
  readonly loader: Loader;
  close(): Promise<void>;
}

/** @param open opens a session of the runtime */
export async function* inSession<S extends Closable>(
  graph: TaskGraph,
  inputs: Record<string, DeployOptions>,
  open: (say: Say) => Promise<S>,
  work: (session: S, project: string, say: Say) => Promise<Deployed>,
): AsyncGenerator<BatchItem> {
  let session: Promise<S> | undefined;
  const verbose = Object.values(inputs).some((options) => options.verbose);
  const several = Object.keys(graph.tasks).length > 1;
  try {
    yield* inGraphOrder(graph, verbose, async (project, say) => {
      const first = session === undefined;
      session ??= checked(open, several, say);
      const opened = await session.catch((error: unknown) => {
        // Everybody fails for the same reason: told once.
        throw first ? error : new StackError('NO_SESSION', 'not begun, for the reason above');
      });
      const { changed, summary, left } = await work(opened, project, say);
      // `stack up` asks by this file what its deploy has changed.
      if (changed && process.env.STACK_CHANGES) appendFileSync(process.env.STACK_CHANGES, `${project}\n`);
      return left ? { left: summary } : summary;
    });
  } finally {
    await session?.then((opened) => opened.close()).catch(() => undefined);
  }
}

/** A session; for more than one unit, definitions have to fit together. */
async function checked<S extends Closable>(
  open: (say: Say) => Promise<S>,
  several: boolean,
  say: Say,
): Promise<S> {
  const session = await open(say);
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
