import { ToolError } from '@stack/mcp';
import { SupervisorClient, SupervisorError } from '@stack/supervisor';

/**
 * Restarts a unit and waits until it is ready.
 * @throws ToolError where there is no supervisor, or it doesn't come up again
 */
export async function restart(
  socket: string | undefined,
  unit: string,
  signal: AbortSignal,
): Promise<string[]> {
  if (!socket)
    throw new ToolError(
      'no_supervisor',
      'in a container this server has no say over the others',
      `docker restart the container, or make deploy-local RUNTIME=docker`,
    );
  const client = await SupervisorClient.connect(socket).catch((error: NodeJS.ErrnoException) => {
    throw new ToolError(
      'no_supervisor',
      `the supervisor doesn't answer (${error.code})`,
      'make deploy-local',
    );
  });
  const leave = () => client.close();
  signal.addEventListener('abort', leave, { once: true });
  try {
    const { started } = await client.call('restart', { unit });
    return [...started];
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SupervisorError)) throw error;
    const { message, remedy, code } = error.wire;
    throw new ToolError(code.toLowerCase(), message, remedy ?? `stack_logs {"unit":"${unit}"}`);
  } finally {
    signal.removeEventListener('abort', leave);
    client.close();
  }
}
