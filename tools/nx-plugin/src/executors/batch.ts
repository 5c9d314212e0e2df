/** Runs the tasks of a batch side by side, each as soon as those that it depends on have ended well. */
import type { TaskGraph } from '@nx/devkit';
import { StackError } from '@stack/model';
import { forStack } from '@stack/runtime';

export interface TaskResult {
  readonly success: boolean;
  readonly terminalOutput: string;
  readonly startTime: number;
  readonly endTime: number;
}

export type BatchItem = { task: string; result: TaskResult };

/** Prints a line with the task's name in front. */
export type Say = (message: string) => void;

/** How a task ended well: what it did, or why there was nothing for it to do here. */
export type Closing = string | { readonly left: string };

/** Lines about one task are told apart by its project's name. */
const WIDTH = 16;

/** Seconds after which a task that still works says so, and says so again. */
const PATIENCE = 2_000;

/**
 * @param work does one task and returns its closing line; what it throws fails the task and skips those that depend on it
 * @yields each task's result as it ends
 */
export async function* inGraphOrder(
  graph: TaskGraph,
  verbose: boolean,
  work: (project: string, say: Say, taskId: string) => Promise<Closing>,
): AsyncGenerator<BatchItem> {
  const ids = Object.keys(graph.tasks);
  const done = new Map<string, boolean>();
  const running = new Map<string, Promise<BatchItem>>();
  while (done.size < ids.length) {
    for (const id of ids) {
      if (done.has(id) || running.has(id)) continue;
      const needs = (graph.dependencies[id] ?? []).filter((need) => ids.includes(need));
      const failed = needs.find((need) => done.get(need) === false);
      if (failed) running.set(id, Promise.resolve(skipped(id, graph.tasks[failed].target.project)));
      else if (needs.every((need) => done.get(need))) running.set(id, one(graph, id, verbose, work));
    }
    const item = await Promise.race(running.values());
    running.delete(item.task);
    done.set(item.task, item.result.success);
    yield item;
  }
}

const line = (project: string, message: string) => `${project.padEnd(WIDTH)} ${message}`;

function skipped(task: string, because: string): BatchItem {
  const now = Date.now();
  const output = `skipped, since ${because} failed`;
  return { task, result: { success: false, terminalOutput: output, startTime: now, endTime: now } };
}

async function one(
  graph: TaskGraph,
  id: string,
  verbose: boolean,
  work: (project: string, say: Say, taskId: string) => Promise<Closing>,
): Promise<BatchItem> {
  const { project } = graph.tasks[id].target;
  const startTime = Date.now();
  const seconds = () => `${((Date.now() - startTime) / 1_000).toFixed(1)} s`;
  const lines: string[] = [];
  const say = (message: string) => {
    lines.push(message);
    console.log(line(project, message));
  };
  let doing = 'not ready yet';
  const ticking = setInterval(() => console.log(line(project, `… ${doing} (${seconds()})`)), PATIENCE);
  try {
    const closing = await work(
      project,
      (message) => {
        doing = message;
        say(`… ${message}`);
      },
      id,
    );
    say(typeof closing === 'string' ? `✔ ${closing} (${seconds()})` : `– ${closing.left}`);
    return {
      task: id,
      result: { success: true, terminalOutput: '', startTime, endTime: Date.now() },
    };
  } catch (error) {
    const text =
      verbose || !(error instanceof StackError) ? String((error as Error)?.stack ?? error) : error.toString();
    forStack(text)
      .split('\n')
      .forEach((part, i) => say(i === 0 ? `✘ ${part}` : `  ${part}`));
    return {
      task: id,
      result: { success: false, terminalOutput: '', startTime, endTime: Date.now() },
    };
  } finally {
    clearInterval(ticking);
  }
}
