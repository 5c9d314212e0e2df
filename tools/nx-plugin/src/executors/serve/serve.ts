import { watch } from 'node:fs';
import * as path from 'node:path';
import type { ExecutorContext } from '@nx/devkit';
import {
  type StackPaths,
  deployUnit,
  followLogs,
  openSession,
  stackPaths,
  stackStatus,
} from '@stack/runtime';

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
  if (!unit) return yield { success: false };
  if (unit.url) say(unit.url);
  yield { success: true };

  /** A deploy of its own, in a new process: it builds the program, reads the definition anew, and restarts what has changed. */
  const redeploy = async () => {
    const { execa } = await import('execa');
    const before = await processes(stack, project);
    const result = await execa('npx', ['nx', 'run', `${project}:deploy`], {
      cwd: context.root,
      all: true,
      reject: false,
    });
    if (result.failed) say(`✘ not restarted\n${result.all}`);
    else say(before === (await processes(stack, project)) ? 'nothing has changed' : '✔ restarted');
  };
  let timer: NodeJS.Timeout | undefined;
  if (options.watch) {
    watch(root, { recursive: true }, (_event, file) => {
      if (!file || /(^|[/\\])(node_modules|dist|site|__pycache__|\.\w+)([/\\]|$)|\.pyc$/.test(file)) return;
      clearTimeout(timer);
      timer = setTimeout(() => void redeploy(), QUIET);
    });
  }
  await followLogs(unit.logs, { follow: true, lines: 20 });
}

/** The processes that run the unit, as text. */
async function processes(stack: StackPaths, name: string): Promise<string> {
  return String((await stackStatus(stack)).units.find((unit) => unit.name === name)?.pids);
}
