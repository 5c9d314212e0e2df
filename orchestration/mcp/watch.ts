/** What is told as it happens: runs that begin, go on and end. */
import type { Seen, Watch } from '@stack/mcp';
import { dagsterError, graph } from './dagster';

/** Newest runs that are looked at; one that ended earlier changes no more. */
const LOOKED_AT = 15;

const RUNS = `query Watch($limit: Int!) {
  runsOrError(limit: $limit) { ... on Runs { results { runId jobName status } } ... on PythonError { message } }
}`;

export const watchRuns: Watch = {
  topic: 'runs',
  look: async (context) => {
    const { runsOrError } = await graph<{
      runsOrError: { results?: { runId: string; jobName: string; status: string }[]; message?: string };
    }>(context, RUNS, { limit: LOOKED_AT });
    if (!runsOrError.results) throw dagsterError(runsOrError.message ?? 'no runs');
    return new Map(
      runsOrError.results.map(({ runId, jobName, status }): [string, Seen] => [
        runId,
        { state: status, event: { runId, job: jobName, status: status.toLowerCase() } },
      ]),
    );
  },
};
