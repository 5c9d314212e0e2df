import type { Check } from '../src/view/types';
import { h, table, when } from './dom';
import { list, record, text } from './json';

/** Where an assertion keeps what it is about. */
const ABOUT = [
  'datasetAssertion',
  'customAssertion',
  'fieldAssertion',
  'sqlAssertion',
  'volumeAssertion',
  'freshnessAssertion',
];
const about = ({ info }: Check): Record<string, unknown> =>
  ABOUT.map((name) => record(info[name])).find((one) => Object.keys(one).length > 0) ?? {};

/** Columns that a check looks at. */
export function fieldsOf(check: Check): string[] {
  const { fields, field } = about(check);
  return [...new Set([...list(fields), field].map(text).filter(Boolean))].map((urn) =>
    urn.slice(urn.lastIndexOf(',') + 1, -1),
  );
}

const result = (check: Check, at = 0): string => text(record(check.runs[at]?.value.result).type);

export const failing = (checks: readonly Check[]): number =>
  checks.filter((check) => ['FAILURE', 'ERROR'].includes(result(check))).length;

const WORDS: Record<string, [string, string, string]> = {
  SUCCESS: ['✓', 'passed', 'good'],
  FAILURE: ['✗', 'failed', 'bad'],
  ERROR: ['!', 'could not run', 'bad'],
};
const wordsOf = (type: string): [string, string, string] => WORDS[type] ?? ['–', 'has not run', 'muted'];

/** What it asserts. */
function nameOf(check: Check): string {
  const { nativeType, operator, aggregation } = about(check);
  return (
    text(check.info.description) ||
    text(nativeType) ||
    [aggregation, operator].map(text).filter(Boolean).join(' ') ||
    check.urn
  );
}

/** `min_value 0, max_value 23`: what Great Expectations was given, besides the column. */
function limitsOf(check: Check): string {
  const given = Object.entries(record(about(check).nativeParameters));
  return given
    .filter(([name]) => !['column', 'batch_id', 'severity'].includes(name))
    .map(([name, value]) => `${name} ${text(value)}`)
    .join(', ')
    .slice(0, 200);
}

/** A result as a sign, its last one unless an earlier is asked for. @param what it is called */
export function mark(check: Check, run = 0, what = nameOf(check)): HTMLElement {
  const [sign, words, tone] = wordsOf(result(check, run));
  const said = `${what} ${words}`;
  return h('span', { class: `mark ${tone}`, title: said, role: 'img', 'aria-label': said }, sign);
}

export function showQuality(place: HTMLElement, checks: readonly Check[]): void {
  const order = (check: Check): number => ['FAILURE', 'ERROR', '', 'SUCCESS'].indexOf(result(check));
  const sorted = [...checks].sort((a, b) => order(a) - order(b) || nameOf(a).localeCompare(nameOf(b)));
  place.append(
    table(
      'Quality',
      ['Result', 'Check', 'Column', 'By', 'Last run', 'Before'],
      sorted.map((check) => {
        const [sign, words, tone] = wordsOf(result(check));
        const limits = limitsOf(check);
        return [
          h('span', { class: tone }, `${sign} ${words}`),
          h('span', {}, nameOf(check), limits && h('span', { class: 'muted' }, ` ${limits}`)),
          h('code', {}, fieldsOf(check).join(', ')),
          toolOf(check),
          check.runs[0] ? when(check.runs[0].at) : '',
          h(
            'span',
            {},
            ...check.runs
              .slice(1)
              .map((run, i) => mark(check, i + 1, new Date(run.at).toLocaleString('en-GB'))),
          ),
        ];
      }),
    ),
  );
}

const toolOf = (check: Check): string => {
  const { info } = check;
  const { expectation_suite_name: suite, dbt_unique_id: dbt } = record(info.customProperties);
  return suite || text(about(check).nativeType).startsWith('expect_')
    ? 'Great Expectations'
    : dbt || record(info.customAssertion).type === 'dbt'
      ? 'dbt'
      : '';
};
