/** One deployer at work on the containers of one stack; a second one waits. */
import { StackError } from '@stack/model';
import type Docker from 'dockerode';
import { lock } from 'proper-lockfile';
import type { Workplace } from '../converge';
import { writeIfChanged } from '../files';
import { Loader } from '../loader';
import { findSupervisor } from '../native/daemon';
import { refuseElsewhere } from '../move/state';
import { Ports } from '../native/ports';
import { nativeResolver } from '../native/resolver';
import { type StackPaths, makeStackDir, stackPaths } from '../stack';
import { LABELS, markerOf, projectOf, volumesMarkerOf } from './names';
import { openEngine } from './engine';
import { ContainerValues } from './values';

export interface DockerSession extends Workplace {
  readonly runtime: 'docker';
  readonly docker: Docker;
  /** Begins the name of everything that the stack has in the engine. */
  readonly project: string;
  readonly values: ContainerValues;
  close(): Promise<void>;
}

/** Milliseconds after which the lock of a process that died is taken over. */
const STALE = 5_000;
const POLL = 200;

/** @throws StackError when there is no engine, or the stack runs natively */
export async function openDockerSession(
  say: (message: string) => void,
  stack: StackPaths = stackPaths(),
  env: NodeJS.ProcessEnv = process.env,
): Promise<DockerSession> {
  const docker = await openEngine();
  refuseElsewhere(stack, 'docker');
  await refuseNative(stack);
  makeStackDir(stack);
  const take = (forever: boolean) =>
    lock(stack.run, {
      stale: STALE,
      retries: forever ? { forever, minTimeout: POLL, maxTimeout: POLL } : 0,
    });
  const release = await take(false).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ELOCKED') throw error;
    say('another deploy is at work: waiting for it');
    return take(true);
  });
  for (const marker of [markerOf, volumesMarkerOf]) writeIfChanged(marker(stack), '');
  const loader = new Loader(stack.workspace);
  const ports = new Ports(stack, env);
  const session: DockerSession = {
    runtime: 'docker',
    stack,
    loader,
    ports,
    docker,
    project: projectOf(stack),
    resolver: nativeResolver(stack, loader, ports),
    values: new ContainerValues(stack, loader, ports),
    close: release,
  };
  await ensureNetwork(session).catch(async (error: unknown) => {
    await release();
    throw error;
  });
  return session;
}

async function refuseNative(stack: StackPaths): Promise<void> {
  const supervisor = await findSupervisor(stack);
  if (!supervisor) return;
  const { processes } = await supervisor.call('status', {});
  supervisor.close();
  if (processes.length > 0)
    throw new StackError(
      'OTHER_RUNTIME',
      `the stack ${stack.name} runs without Docker, as ${processes.length} processes`,
      'make down, then deploy it again; or another stack: STACK=<name>',
    );
}

async function ensureNetwork({ docker, project, stack }: DockerSession): Promise<void> {
  const found = await docker.listNetworks({ filters: { name: [project] } });
  const same = found.find(({ Name }) => Name === project);
  if (same?.Labels?.[LABELS.stack] === stack.name) return;
  if (same)
    throw new StackError(
      'FOREIGN_NETWORK',
      `the network ${project} is none of this stack's`,
      `rename the stack (STACK=<name>), or remove it if nobody needs it: docker network rm ${project}`,
    );
  await docker.createNetwork({ Name: project, Driver: 'bridge', Labels: { [LABELS.stack]: stack.name } });
}
