/**
 * One deployer at work on one stack: connected to the supervisor, holding the deploy lease, so that two deploys at once don't
 * choose ports or prepare folders against each other.
 */
import { type Resolver, StackError, resolve } from '@stack/model';
import { type SupervisorClient, SupervisorError } from '@stack/supervisor';
import { usesDocker } from '../docker/names';
import { containerStatus } from '../docker/status';
import { Loader } from '../loader';
import { refuseElsewhere } from '../move/state';
import { type StackPaths, stackPaths } from '../stack';
import { ensureSupervisor } from './daemon';
import { Ports } from './ports';
import { nativeResolver } from './resolver';

export interface Session {
  readonly stack: StackPaths;
  readonly loader: Loader;
  readonly ports: Ports;
  readonly resolver: Resolver;
  readonly supervisor: SupervisorClient;
  close(): Promise<void>;
}

/**
 * Opens a session; waits while another deployer has one.
 * @param say told what is being waited for
 * @param env where ports that the user fixed are read from
 */
export async function openSession(
  say: (message: string) => void,
  stack: StackPaths = stackPaths(),
  env: NodeJS.ProcessEnv = process.env,
): Promise<Session> {
  refuseElsewhere(stack, 'native');
  await refuseContainers(stack);
  const loader = new Loader(stack.workspace);
  const supervisor = await ensureSupervisor(stack);
  const { token } = await supervisor.call(
    'lease.acquire',
    { name: 'deploy', owner: 'deploy', pid: process.pid },
    (holder) => say(`another deploy is at work (pid ${holder.pid}, since ${holder.since}): waiting for it`),
  );
  const ports = new Ports(stack, env);
  return {
    stack,
    loader,
    ports,
    supervisor,
    resolver: nativeResolver(stack, loader, ports),
    close: async () => {
      await supervisor.call('lease.release', { token }).catch(() => undefined);
      supervisor.close();
    },
  };
}

async function refuseContainers(stack: StackPaths): Promise<void> {
  if (!usesDocker(stack)) return;
  const running = (await containerStatus(stack).catch(() => [])).filter(({ pid }) => pid);
  if (running.length > 0)
    throw new StackError(
      'OTHER_RUNTIME',
      `the stack ${stack.name} runs in Docker, as ${running.length} containers`,
      'make down, then deploy it again; or another stack: STACK=<name>',
    );
}

/** The supervisor's errors in the form that the user sees. */
export function asStackError(error: unknown): unknown {
  if (!(error instanceof SupervisorError)) return error;
  const { code, message, remedy, details } = error.wire;
  return new StackError(code, message, remedy, details ?? []);
}

/** A unit's folder and its environment as it is deployed here, for a command run by hand. */
export function unitEnvironment(
  stack: StackPaths,
  name: string,
): { root: string; env: Record<string, string> } {
  const loader = new Loader(stack.workspace);
  const resolver = nativeResolver(stack, loader, new Ports(stack));
  const values = Object.entries(loader.unit(name).env).map(([key, value]) => [key, resolve(value, resolver)]);
  return { root: loader.folder(name).root, env: Object.fromEntries(values) as Record<string, string> };
}
