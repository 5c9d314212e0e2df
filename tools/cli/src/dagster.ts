/** What the CLI asks of Dagster's webserver, over GraphQL. */
import { StackError } from '@stack/model';

export interface Run {
  readonly status: string;
  /** Seconds since 1970. */
  readonly startTime?: number;
  readonly endTime?: number;
  readonly tags: readonly { readonly key: string; readonly value: string }[];
  readonly stepStats: readonly {
    readonly stepKey: string;
    readonly status?: string;
    readonly startTime?: number;
    readonly endTime?: number;
  }[];
}

const LAUNCH = `mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on PipelineNotFoundError { message }
  }
}`;

const RUN = `query Run($id: ID!) {
  runOrError(runId: $id) {
    __typename
    ... on Run { status startTime endTime tags { key value } stepStats { stepKey status startTime endTime } }
    ... on PythonError { message }
  }
}`;

const UNENDED = `query Unended {
  runsOrError(filter: { statuses: [QUEUED, NOT_STARTED, MANAGED, STARTING, STARTED, CANCELING] }) {
    __typename
    ... on Runs { results { runId jobName } }
    ... on PythonError { message }
  }
}`;

const FAILURES = `query Failures($id: ID!) {
  logsForRun(runId: $id) {
    ... on EventConnection {
      events {
        __typename
        ... on ExecutionStepFailureEvent { stepKey error { message causes { message } } failureMetadata { label description } }
        ... on EngineEvent { error { message causes { message } } }
        ... on RunFailureEvent { message error { message } }
      }
    }
  }
}`;

interface Failure {
  readonly __typename: string;
  readonly stepKey?: string;
  readonly message?: string;
  readonly error?: { readonly message: string; readonly causes?: readonly { readonly message: string }[] };
}

/** The class of an exception in front of its message, which Python's users are shown and ours needn't be. */
const EXCEPTION = /^(dagster|stack_pipeline)[\w.]*: /;

export class Dagster {
  constructor(private readonly url: string) {}

  /** Starts a job of the code location; returns the run's id. */
  async launch(job: string, config: Record<string, object>): Promise<string> {
    const ops = Object.fromEntries(Object.entries(config).map(([op, values]) => [op, { config: values }]));
    const params = {
      selector: { repositoryLocationName: 'stack_pipeline', repositoryName: '__repository__', jobName: job },
      runConfigData: { ops },
      mode: 'default',
    };
    const { launchRun } = await this.query<{
      launchRun: { run?: { runId: string }; message?: string; errors?: { message: string }[] };
    }>(LAUNCH, { params });
    if (launchRun.run) return launchRun.run.runId;
    const reasons = launchRun.errors?.map(({ message }) => message) ?? [
      launchRun.message ?? 'no reason given',
    ];
    throw new StackError(
      'PIPELINE_REFUSED',
      `Dagster doesn't start ${job}`,
      'make logs s=orchestration',
      reasons,
    );
  }

  async run(id: string): Promise<Run> {
    return (await this.query<{ runOrError: Run }>(RUN, { id })).runOrError;
  }

  /** Runs that wait or are at work. */
  async unended(): Promise<readonly { readonly runId: string; readonly jobName: string }[]> {
    const { runsOrError } = await this.query<{
      runsOrError: { results?: { runId: string; jobName: string }[] };
    }>(UNENDED, {});
    return runsOrError.results ?? [];
  }

  /** Why the run failed: a line or more for each failed step. */
  async failures(id: string): Promise<string[]> {
    const { logsForRun } = await this.query<{ logsForRun: { events?: readonly Failure[] } }>(FAILURES, {
      id,
    });
    const events = logsForRun.events ?? [];
    const steps = events.filter((event) => event.stepKey && event.error);
    const others = events.filter((event) => event.__typename === 'EngineEvent' && event.error);
    const last = events.filter((event) => event.__typename === 'RunFailureEvent');
    const telling = [steps, others, last].find((some) => some.length > 0) ?? [];
    return telling.flatMap(({ stepKey, message, error }) => {
      const text = error?.causes?.at(-1)?.message ?? error?.message ?? message ?? '';
      return `${stepKey ? `${stepKey}: ` : ''}${text.trim().replace(EXCEPTION, '')}`.split('\n');
    });
  }

  private async query<T>(query: string, variables: object): Promise<T> {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    }).catch((error: Error) => {
      throw new StackError(
        'NO_DAGSTER',
        `Dagster doesn't answer at ${this.url}: ${error.message}`,
        'make status',
      );
    });
    const { data, errors } = (await response.json()) as { data?: T; errors?: { message: string }[] };
    if (data && !errors) return data;
    throw new StackError(
      'NO_DAGSTER',
      `Dagster's answer has errors`,
      'make logs s=orchestration',
      errors?.map(({ message }) => message),
    );
  }
}
