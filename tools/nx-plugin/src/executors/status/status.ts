import type { ExecutorContext } from '@nx/devkit';
import { isWell, stackPaths, stackStatus } from '@stack/runtime';

/** Shows one unit's status. */
export default async function status(
  options: { json: boolean },
  context: ExecutorContext,
): Promise<{ success: boolean }> {
  const { units } = await stackStatus(stackPaths(context.root));
  const unit = units.find((one) => one.name === context.projectName);
  if (options.json) console.log(JSON.stringify(unit ?? null, null, 2));
  else if (!unit)
    console.log(`${context.projectName} is not deployed → npx nx deploy ${context.projectName}`);
  else {
    const memory = unit.memoryBytes === undefined ? '' : `, ${Math.round(unit.memoryBytes / 2 ** 20)} MiB`;
    console.log(
      [`${unit.name}: ${unit.health}${unit.reason ? ` (${unit.reason})` : ''}${memory}`, unit.url]
        .filter(Boolean)
        .join('\n'),
    );
  }
  return { success: unit !== undefined && isWell(unit) };
}
