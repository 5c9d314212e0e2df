import * as path from 'node:path';
import { StackError } from '@stack/model';
import { findSupervisor, readEntry, stackPaths } from '@stack/runtime';
import { readersServe } from './readers';
import { Dagster, type Run } from './dagster';

export interface PipelineOptions {
  /** Even if nothing is new. */
  readonly force?: boolean;
  /** Other source files than the installed ones. */
  readonly folder?: string;
  /** Only these days of the flights, `2013-06-01` or `2013-06-01..2013-06-30`. */
  readonly days?: string;
}

/** Milliseconds between two looks at the run. */
const POLL = 200;

/** `stack pipeline`: starts a run in Dagster, shows its steps as they end, and fails when it fails. */
export async function runPipeline(options: PipelineOptions): Promise<void> {
  const stack = stackPaths();
  const { url, runtime } = readEntry(stack, 'orchestration') ?? {};
  if (!url)
    throw new StackError(
      'NOT_DEPLOYED',
      "Dagster isn't deployed, so nothing can run the pipeline",
      'make deploy-local',
    );
  const supervisor = await findSupervisor(stack);
  supervisor?.close();
  if (!supervisor && runtime !== 'docker')
    throw new StackError(
      'NOT_RUNNING',
      `the stack ${stack.name} has no supervisor: nobody watches over it`,
      'make deploy-local',
    );
  if (options.folder && runtime === 'docker')
    throw new StackError(
      'IN_DOCKER',
      `the pipeline runs in a container, which doesn't see ${options.folder}`,
      `drop files into ${stack.inbox}, or run the stack natively`,
    );
  const dagster = new Dagster(url);
  const folder = options.folder && path.resolve(options.folder);
  const force = options.force ?? false;
  const source = folder ? { folder } : {};
  const [first, last = first] = options.days?.split('..') ?? [];
  const id = await (first
    ? dagster.launch('flight_days', { load_flight_days: { first, last, ...source }, dbt_build: { force } })
    : dagster.launch('pipeline', { load_flights: { force, ...source }, dbt_build: { force } }));
  const page = `${url}/runs/${id}`;
  console.log(`pipeline: started, ${page}`);
  const run = await follow(dagster, id);
  const seconds = run.startTime && run.endTime ? ` after ${(run.endTime - run.startTime).toFixed(1)} s` : '';
  if (run.status !== 'SUCCESS') {
    throw new StackError(
      'PIPELINE_FAILED',
      `the pipeline ended with ${run.status}${seconds}`,
      `look at the run: ${page}`,
      await dagster.failures(id),
    );
  }
  const tag = (name: string) => run.tags.find(({ key }) => key === `stack/${name}`)?.value;
  const nothingNew = tag('outcome') === 'nothing new';
  console.log(`✔ pipeline: ${nothingNew ? 'nothing new since the last publish' : 'published'}${seconds}`);
  const snapshot = tag('snapshot');
  if (snapshot) await readersServe(stack, snapshot);
}

/** Prints each step as it ends, and at least every two seconds what goes on; returns the ended run. */
async function follow(dagster: Dagster, id: string): Promise<Run> {
  const [ended, shown] = [new Set<string>(), new Set<string>()];
  const started = Date.now();
  let spoke = started;
  const say = (line: string) => {
    console.log(line);
    spoke = Date.now();
  };
  for (;;) {
    const run = await dagster.run(id);
    const notes = new Map(run.tags.map(({ key, value }) => [key, value]));
    for (const step of run.stepStats) {
      if (shown.has(step.stepKey) || !step.endTime || !step.startTime) continue;
      // An answer's tags may be older than its steps: what a step has noted is in the next one.
      if (!ended.has(step.stepKey)) {
        ended.add(step.stepKey);
        continue;
      }
      shown.add(step.stepKey);
      if (step.status === 'SKIPPED') continue;
      const mark = step.status === 'SUCCESS' ? '✔' : '✘';
      const note = notes.get(`stack/${step.stepKey}`);
      const seconds = (step.endTime - step.startTime).toFixed(1);
      say(`  ${mark} ${step.stepKey} (${seconds} s)${note ? `: ${note}` : ''}`);
    }
    const isOver = ['SUCCESS', 'FAILURE', 'CANCELED'].includes(run.status);
    if (isOver && shown.size === ended.size) return run;
    if (Date.now() - spoke > 2_000) {
      const current = run.stepStats.find((step) => step.startTime && !step.endTime);
      const since = current?.startTime ? current.startTime * 1_000 : started;
      const what = current?.stepKey ?? run.status.toLowerCase().replaceAll('_', ' ');
      say(`  … ${what} (${((Date.now() - since) / 1_000).toFixed(0)} s)`);
    }
    await new Promise((done) => setTimeout(done, POLL));
  }
}
