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

const RELOAD = `mutation Reload($name: String!) {
  reloadRepositoryLocation(repositoryLocationName: $name) {
    ... on WorkspaceLocationEntry { locationOrLoadError { ... on PythonError { message } } }
    ... on PythonError { message }
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

interface Launched {
  readonly __typename: string;
  readonly run?: { readonly runId: string };
  readonly message?: string;
  readonly errors?: readonly { readonly message: string }[];
}

const UNREACHABLE = /Unreachable|UNAVAILABLE/;

const isAway = ({ __typename, message = '' }: Launched): boolean =>
  __typename === 'PipelineNotFoundError' || UNREACHABLE.test(message);

/** Lines of an error of the code that are shown. */
const SHOWN = 15;

interface Failure {
  readonly __typename: string;
  readonly stepKey?: string;
  readonly message?: string;
  readonly error?: { readonly message: string; readonly causes?: readonly { readonly message: string }[] };
}

/** The class of an exception in front of its message, which Python's users are shown and ours needn't be. */
const EXCEPTION = /^(dagster|stack_pipeline)[\w.]*: /;

/** The code location, as workspace.yaml names it. */
const LOCATION = 'stack_pipeline';

/** Milliseconds that a code server may take to be back, and between two looks at it. */
const PATIENCE = 30_000;
const POLL = 500;

export class Dagster {
  constructor(private readonly url: string) {}

  /** Starts a job of the code location; returns the run's id. */
  async launch(job: string, config: Record<string, object>): Promise<string> {
    const ops = Object.fromEntries(Object.entries(config).map(([op, values]) => [op, { config: values }]));
    const params = {
      selector: { repositoryLocationName: LOCATION, repositoryName: '__repository__', jobName: job },
      runConfigData: { ops },
      mode: 'default',
    };
    const deadline = Date.now() + PATIENCE;
    let launched = await this.ask(params);
    // The webserver may have looked while the code server was starting, or while a file had an error.
    while (isAway(launched) && Date.now() < deadline) {
      await this.reload();
      launched = await this.ask(params);
      if (!launched.run) await new Promise((done) => setTimeout(done, POLL));
    }
    if (launched.run) return launched.run.runId;
    const reasons = launched.errors?.map(({ message }) => message) ?? [launched.message ?? 'no reason given'];
    throw new StackError(
      'PIPELINE_REFUSED',
      `Dagster doesn't start ${job}`,
      'make logs s=orchestration',
      reasons,
    );
  }

  private async ask(params: object): Promise<Launched> {
    return (await this.query<{ launchRun: Launched }>(LAUNCH, { params })).launchRun;
  }

  /**
   * Has the webserver load the code anew; while the code server doesn't answer, nothing happens.
   * @throws StackError when the code has an error
   */
  private async reload(): Promise<void> {
    const { reloadRepositoryLocation: loaded } = await this.query<{
      reloadRepositoryLocation: { message?: string; locationOrLoadError?: { message?: string } };
    }>(RELOAD, { name: LOCATION });
    const said = loaded.message ?? loaded.locationOrLoadError?.message;
    if (!said || UNREACHABLE.test(said)) return;
    throw new StackError(
      'PIPELINE_BROKEN',
      "Dagster can't load the pipeline: its code, or the dbt project, has an error",
      'mend it; the code server loads changed files by itself',
      said.trim().split('\n').slice(-SHOWN),
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
