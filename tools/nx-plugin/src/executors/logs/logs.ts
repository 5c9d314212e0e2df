import type { ExecutorContext } from '@nx/devkit';
import { followLogs, stackPaths, stackStatus } from '@stack/runtime';

/** Shows the unit's logs; follows them until it is interrupted. */
export default async function logs(
  options: { follow: boolean; lines: number },
  context: ExecutorContext,
): Promise<{ success: boolean }> {
  const { units } = await stackStatus(stackPaths(context.root));
  const unit = units.find((one) => one.name === context.projectName);
  if (!unit || unit.logs.length === 0) {
    console.log(
      unit
        ? `${unit.name} has no process, and so no log`
        : `${context.projectName} is not deployed → npx nx deploy ${context.projectName}`,
    );
    return { success: unit !== undefined };
  }
  await followLogs(unit.logs, options);
  return { success: true };
}
