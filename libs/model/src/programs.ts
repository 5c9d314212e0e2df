import type { PlanContext, ProcessPlan } from './plan';

/** How a program of ours, bundled by its `build`, is started natively; a new build restarts it. */
export function nodeProgram(context: PlanContext, options: Partial<ProcessPlan> = {}): ProcessPlan {
  const program = `${context.dist}/main.cjs`;
  return {
    command: process.execPath,
    args: [program],
    ...options,
    sources: [program, ...(options.sources ?? [])],
  };
}
