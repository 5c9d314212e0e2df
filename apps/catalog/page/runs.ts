import type { EntityView } from '../src/view/types';
import { h, table, when } from './dom';
import { record, text } from './json';
import { pageOf } from './names';

/** Dagster's runs are called `<id>.<location>/<step>`: what ran, and enough of the id to tell it. */
const short = (name: string): string =>
  name.replace(/^([0-9a-f]{8})-[0-9a-f-]{27}(?:\.(?:.*\/)?(.+))?$/, (_, id: string, step = '') =>
    `${step} ${id}`.trim(),
  );

export const runsIn = (events: EntityView['runs']): number => new Set(events.map(({ urn }) => urn)).size;

const TONES: Record<string, string> = { SUCCESS: 'good', FAILURE: 'bad' };

/** One line a run: its end where it has ended, else its start. */
export function showRuns(place: HTMLElement, events: EntityView['runs']): void {
  const runs = new Map<
    string,
    { name: string; started?: number; ended?: number; result: string; took?: number }
  >();
  for (const { urn, name, at, value } of events) {
    const run = runs.get(urn) ?? { name, result: 'RUNNING' };
    runs.set(urn, run);
    if (value.status === 'STARTED') run.started = at;
    else {
      run.ended = at;
      run.result = text(record(value.result).type) || text(value.status);
      run.took = Number(value.durationMillis) || undefined;
    }
  }
  place.append(
    table(
      'Runs',
      ['Result', 'Run', 'Started', 'Took'],
      [...runs].map(([urn, { name, started, ended, result, took }]) => {
        const seconds = took ?? (started && ended ? ended - started : undefined);
        const begun = started ?? (ended && took ? ended - took : ended);
        return [
          h('span', { class: TONES[result] ?? 'muted' }, result.toLowerCase()),
          h('a', { href: pageOf(urn), title: name }, short(name)),
          begun ? when(begun) : '',
          seconds === undefined ? '' : `${(seconds / 1000).toFixed(1)} s`,
        ];
      }),
    ),
  );
}
