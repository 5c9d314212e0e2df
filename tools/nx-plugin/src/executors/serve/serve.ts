import { watch } from 'node:fs';
import * as path from 'node:path';
import type { ExecutorContext } from '@nx/devkit';
import { deployUnit, findSupervisor, followLogs, openSession, stackPaths, stackStatus } from '@stack/runtime';

/** Milliseconds of quiet after a change before the unit is restarted: editors save in several steps. */
const QUIET = 200;

/**
 * Develops one service: brings it up, shows its log, and restarts it when its files change. Ctrl-C ends the watching; the
 * service and its dependencies stay up.
 */
export default async function* serve(
  options: { watch: boolean },
  context: ExecutorContext,
): AsyncGenerator<{ success: boolean }> {
  const project = context.projectName ?? '';
  const root = path.join(context.root, context.projectsConfigurations.projects[project].root);
  const say = (message: string) => console.log(`${project}: ${message}`);
  const deploy = async () => {
    const session = await openSession(say);
    try {
      return await deployUnit(session, project, say);
    } finally {
      await session.close();
    }
  };
  say((await deploy()).summary);
  const stack = stackPaths(context.root);
  const { units } = await stackStatus(stack);
  const unit = units.find((one) => one.name === project);
  if (unit?.url) say(unit.url);
  yield { success: true };

  const restart = async () => {
    if (context.projectsConfigurations.projects[project].targets?.build?.executor === '@nx/esbuild:esbuild')
      await (
        await import('execa')
      ).execa('npx', ['nx', 'build', project], { cwd: context.root, stdio: 'inherit' });
    // A change of the definition itself is read by a new process; what the program is made of by a restart.
    const supervisor = await findSupervisor(stack);
    await supervisor?.call('restart', { unit: project });
    supervisor?.close();
    say('restarted');
  };
  let timer: NodeJS.Timeout | undefined;
  if (options.watch) {
    watch(root, { recursive: true }, (_event, file) => {
      if (!file || /(^|[/\\])(node_modules|dist|site|__pycache__|\.\w+)([/\\]|$)|\.pyc$/.test(file)) return;
      clearTimeout(timer);
      timer = setTimeout(() => void restart().catch((error: Error) => say(`✘ ${String(error)}`)), QUIET);
    });
  }
  await followLogs(unit?.logs ?? [], { follow: true, lines: 20 });
}
