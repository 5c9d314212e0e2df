import type { TaskGraph } from '@nx/devkit';
import { StackError } from '@stack/model';
import type { BatchItem } from '../batch';
import { type CloudOptions, inCloud } from '../in-cloud';
import { cloud } from '../cloud';

/** Shows what a deploy would change, and remembers it: what it would delete or replace may be applied then. */
export default function planBatch(
  graph: TaskGraph,
  inputs: Record<string, CloudOptions>,
): AsyncGenerator<BatchItem> {
  return inCloud(graph, inputs, async (work, say) => {
    const { costChange, count, describe, planUnit, readPrices, rememberPlan } = cloud();
    try {
      const plan = await planUnit(work);
      if (!plan) return 'has nothing in AWS';
      describe(plan).forEach(say);
      rememberPlan(work, plan);
      if (plan.changes.length === 0 && plan.outputs === 0) return 'unchanged';
      return [count(plan), costChange(plan, readPrices(work.workspace))].filter(Boolean).join(', ');
    } catch (error) {
      // On a first deploy what a unit reads of others isn't there yet.
      if (error instanceof StackError && error.code === 'NOT_YET_THERE')
        return 'planned when what it reads is deployed';
      throw error;
    }
  });
}
