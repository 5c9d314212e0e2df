/** A run's events: Dagster gives them in pages, all kinds together. */
import { type ToolContext, ToolError } from '@stack/mcp';
import { METADATA, type MetadataEntry, graph } from './dagster';

export interface DagsterError {
  readonly message: string;
  readonly className?: string | null;
  readonly causes?: readonly { readonly message: string; readonly className?: string | null }[];
}

export interface RunEvent {
  readonly __typename: string;
  readonly message: string;
  /** Milliseconds since 1970. */
  readonly timestamp: string;
  readonly level: string;
  readonly stepKey?: string | null;
  readonly eventType?: string | null;
  readonly error?: DagsterError | null;
  readonly errorSource?: string | null;
  readonly failureMetadata?: { readonly metadataEntries: readonly MetadataEntry[] } | null;
  readonly evaluation?: {
    readonly checkName: string;
    readonly assetKey: { readonly path: readonly string[] };
    readonly success: boolean;
    readonly severity: string;
    readonly description?: string | null;
    readonly metadataEntries: readonly MetadataEntry[];
  };
  readonly fileKey?: string;
  readonly stepKeys?: readonly string[] | null;
}

const EVENTS = `query Events($id: ID!, $after: String, $limit: Int!) {
  logsForRun(runId: $id, afterCursor: $after, limit: $limit) {
    __typename
    ... on PythonError { message }
    ... on EventConnection {
      cursor
      hasMore
      events {
        __typename
        ... on MessageEvent { message timestamp level stepKey eventType }
        ... on ErrorEvent { error { message className causes { message className } } }
        ... on ExecutionStepFailureEvent { errorSource failureMetadata { ${METADATA} } }
        ... on AssetCheckEvaluationEvent {
          evaluation { checkName assetKey { path } success severity description ${METADATA} }
        }
        ... on LogsCapturedEvent { fileKey stepKeys }
      }
    }
  }
}`;

/** Events of a page, and pages of a run that are read. */
const [PAGE, PAGES] = [1_000, 50];

/** All events of a run, the oldest first. @throws ToolError when there are more than a run of the stack has */
export async function eventsOf(context: ToolContext, id: string): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  let after: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const { logsForRun } = await graph<{
      logsForRun: { events?: RunEvent[]; cursor?: string; hasMore?: boolean; message?: string };
    }>(context, EVENTS, { id, after, limit: PAGE });
    events.push(...(logsForRun.events ?? []));
    if (!logsForRun.hasMore || !logsForRun.cursor) return events;
    after = logsForRun.cursor;
  }
  throw new ToolError(
    'too_many_events',
    `the run ${id} has more than ${PAGE * PAGES} events`,
    `read them in Dagster: ${context.env.URL}/runs/${id}`,
  );
}

/** The class of an exception in front of its message, which Python's users are shown and others needn't be. */
const EXCEPTION = /^(dagster|stack_pipeline)[\w.]*: /;

/** The innermost cause of an error, as the one who raised it said it. */
export function reasonOf(error: DagsterError): { text: string; className?: string } {
  const cause = error.causes?.at(-1) ?? error;
  return {
    text: cause.message.trim().replace(EXCEPTION, ''),
    ...(cause.className && { className: cause.className }),
  };
}
