/** The states of a whole environment, from this machine to a bucket and back. */
import { StackError } from '@stack/model';
import { type Backend, readBackend, writeBackend } from './cloud';
import type { Environment } from './environments';
import { moveState, prepare } from './operations';
import type { CloudSession } from './session';

/** The unit that has the bucket; its own state goes there as well. */
const STATE = 'state';

/**
 * Moves every unit's state; where it ends early, the next call goes on.
 * @throws StackError when the bucket isn't there yet, or a state doesn't arrive whole
 */
export async function moveAllStates(
  session: CloudSession,
  environment: Environment,
  where: 'remote' | 'local',
  say: (line: string) => void,
): Promise<void> {
  const { workspace } = session;
  const from = readBackend(workspace, environment.name);
  const to: Backend = where === 'local' ? { type: 'local' } : await remoteOf(session, environment, say);
  if (from.type === to.type) {
    say(`they are there already`);
    return;
  }
  for (const { name } of session.units) {
    const work = session.work(name, environment, (line) => say(`${name}: ${line}`));
    const { changed, summary } = await moveState(work, from, to);
    if (changed) say(`${name}: ${summary}`);
  }
  // Last: until here everybody finds the states where they were.
  writeBackend(workspace, environment.name, to);
}

async function remoteOf(
  session: CloudSession,
  environment: Environment,
  say: (line: string) => void,
): Promise<Backend> {
  const terraform = prepare(session.work(STATE, environment, say));
  await terraform?.init();
  const { bucket, table, region } = ((await terraform?.outputs()) ?? {}) as Record<string, string>;
  if (!bucket || !table || !region)
    throw new StackError(
      'NO_STATE_BUCKET',
      `${environment.name} has no bucket for states yet`,
      `deploy it first: CLOUD_ENV=${environment.name} npx nx deploy state -c aws --yes`,
    );
  return { type: 's3', bucket, table, region };
}
