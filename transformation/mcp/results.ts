/** What became of each node when it last ran. The pipeline writes no run_results.json, so dbt's log is read, too. */
import { stat } from 'node:fs/promises';
import type { ToolContext } from '@stack/mcp';
import type { Node, RunResults } from './artefacts';
import { inTarget, readKept, runResultsOf } from './artefacts';
import type { Graph } from './graph';

export const STATUSES = ['passed', 'failed', 'warned', 'skipped', 'not_run'] as const;
export type Status = (typeof STATUSES)[number];

export interface Result {
  readonly status: Status;
  readonly seconds?: number;
  /** Rows that a test found. */
  readonly failures?: number;
  readonly rows?: number;
  readonly message?: string;
  /** ISO 8601. */
  readonly at?: string;
  readonly source: 'dbt.log' | 'run_results.json';
}

/** What one line of the log tells: `3 of 112 OK created sql view model staging.stg_airlines … [OK in 0.55s]`. */
interface Logged {
  readonly status: Status;
  readonly seconds?: number;
  readonly failures?: number;
  message?: string;
}

/** What one command of dbt told. */
export interface Section {
  readonly invocation: string;
  /** By `test <name>` and `table <alias>`. */
  readonly results: ReadonlyMap<string, Logged>;
}

const BEGIN = /^=+ [\d:.]+ \| ([\w-]+) =+$/;
const RECORD = /^\d\d:\d\d:\d\d\.\d+ \[(\w+)\s*\] \[[^\]]*\]: (.*)$/;
const LINE = /^\d+ of \d+ (PASS|FAIL|WARN|ERROR|OK|SKIP)\b(.*)$/;
const TROUBLE = / in (?:test|model|seed|snapshot|unit_test) (\S+) \(.*\)$/;
const WORDS: Record<string, Status> = {
  PASS: 'passed',
  OK: 'passed',
  FAIL: 'failed',
  ERROR: 'failed',
  WARN: 'warned',
  SKIP: 'skipped',
};
/** Characters of a message that are kept; all of it is in the log of the run. */
const MOST_OF_MESSAGE = 2_000;

/** Reads dbt's own log (its text format), the earliest command first; those that ran nothing are left out. */
export function sectionsOf(log: string): Section[] {
  const sections: Section[] = [];
  let results: Map<string, Logged> | undefined;
  /** The node whose error is being told, line by line. */
  let trouble: Logged | undefined;
  for (const line of log.split('\n')) {
    const begin = BEGIN.exec(line);
    if (begin) {
      results = new Map();
      trouble = undefined;
      sections.push({ invocation: begin[1]!, results });
      continue;
    }
    if (!results) continue;
    const record = RECORD.exec(line);
    if (!record) {
      // a message of several lines: only its first has a time
      if (trouble && line.trim()) append(trouble, line);
      continue;
    }
    const [, level, text = ''] = record;
    if (level === 'debug') {
      trouble = undefined;
      continue;
    }
    const told = LINE.exec(text);
    const about = TROUBLE.exec(text);
    if (told) {
      const found = loggedOf(told[1]!, told[2]!);
      if (found) results.set(found.key, found.logged);
      trouble = undefined;
    } else if (about && (level === 'error' || level === 'warn')) {
      trouble = results.get(`test ${about[1]}`) ?? results.get(`table ${about[1]}`);
      if (trouble) trouble.message = text.trim();
    } else if (trouble && text.trim() && !text.includes('compiled code at')) append(trouble, text);
    else if (!text.trim()) trouble = undefined;
  }
  return sections.filter((one) => one.results.size > 0);
}

function append(logged: Logged, line: string): void {
  if ((logged.message ?? '').length < MOST_OF_MESSAGE) logged.message = `${logged.message ?? ''}\n${line.trimEnd()}`.trim();
}

/** `created sql view model staging.stg_airlines ...... [OK in 0.55s]`, `1 accepted_values_… [FAIL 1 in 0.16s]` */
function loggedOf(word: string, rest: string): { key: string; logged: Logged } | undefined {
  const [, text = '', end = ''] = /^\s*(.*?)\s*\.*\s*\[([^\]]*)\]$/.exec(rest) ?? [];
  const words = text.split(/\s+/).filter((one) => one && !/^\.+$/.test(one));
  const isTable = /\b(model|seed file|snapshotted|snapshotting|relation)\b/.test(text);
  const last = words.at(-1);
  if (last === undefined || /\b(hook:|exposure)/.test(text)) return undefined;
  const [, seconds] = / in ([\d.]+)s$/.exec(` ${end}`) ?? [];
  const [, failures] = /^(?:FAIL|WARN) (\d+)/.exec(end) ?? [];
  return {
    key: isTable ? `table ${last.split('.').at(-1)}` : `test ${last}`,
    logged: {
      status: WORDS[word]!,
      ...(seconds !== undefined && { seconds: Number(seconds) }),
      ...(failures !== undefined && { failures: Number(failures) }),
    },
  };
}

const STATUS: Record<string, Status> = {
  success: 'passed',
  pass: 'passed',
  fail: 'failed',
  error: 'failed',
  'runtime error': 'failed',
  'partial success': 'failed',
  warn: 'warned',
  skipped: 'skipped',
};

export function fromRunResults({ results = [] }: RunResults): Map<string, Result> {
  return new Map(
    results.flatMap((one) => {
      const status = STATUS[one.status];
      if (!status) return [];
      const at = one.timing?.find(({ name }) => name === 'execute')?.completed_at;
      const rows = Number(one.adapter_response?.rows_affected ?? NaN);
      return [
        [
          one.unique_id,
          {
            status,
            source: 'run_results.json' as const,
            ...(one.execution_time !== undefined && { seconds: Math.round(one.execution_time * 100) / 100 }),
            ...(typeof one.failures === 'number' && { failures: one.failures }),
            ...(Number.isFinite(rows) && rows >= 0 && { rows }),
            ...(one.message && status !== 'passed' && { message: one.message.slice(0, MOST_OF_MESSAGE) }),
            ...(at && { at: at.endsWith('Z') ? at : `${at}Z` }),
          },
        ] as const,
      ];
    }),
  );
}

/** By what the log calls it. */
export const logKey = ({ resource_type: type, name, alias }: Node): string =>
  type === 'test' || type === 'unit_test' ? `test ${name}` : `table ${alias ?? name}`;

/** Where dbt puts the SQL that it made of a node, `below` the target folder: `compiled`, or `run` for what it ran. */
export function madeFiles(context: ToolContext, node: Node, below: 'compiled' | 'run'): string[] {
  const { package_name: name, original_file_path: file, path: own } = node;
  const inside = (...parts: string[]) => inTarget(context, below, name, ...parts);
  // what is declared in a YAML file lies in a folder of that name
  return /\.ya?ml$/.test(file) ? [inside(file, own), inside(file, own.split('/').at(-1) ?? own)] : [inside(file)];
}

/** When dbt last ran it: it writes the SQL that it runs right before. */
async function ranAt(context: ToolContext, node: Node): Promise<string | undefined> {
  for (const file of madeFiles(context, node, 'run')) {
    const found = await stat(file).catch(() => undefined);
    if (found) return found.mtime.toISOString();
  }
  return undefined;
}

/** Results of the last time that each node ran, by its unique id. */
export async function resultsOf(context: ToolContext, { all }: Graph): Promise<ReadonlyMap<string, Result>> {
  const [log, runResults] = await Promise.all([logOf(context), runResultsOf(context)]);
  const results = new Map<string, Result>();
  const written = runResults && fromRunResults(runResults);
  const invocation = runResults?.metadata?.invocation_id;
  // what was written before the log begins is the oldest
  if (written && !log.some((one) => one.invocation === invocation))
    for (const [id, one] of written) results.set(id, one);
  const ids = new Map<string, string[]>();
  for (const node of all.values())
    if (node.resource_type !== 'exposure' && node.resource_type !== 'source')
      ids.set(logKey(node), [...(ids.get(logKey(node)) ?? []), node.unique_id]);
  for (const section of log) {
    for (const [key, one] of section.results)
      for (const id of ids.get(key) ?? []) results.set(id, { ...one, source: 'dbt.log' });
    if (written && section.invocation === invocation)
      for (const [id, one] of written) results.set(id, one);
  }
  await Promise.all(
    [...results].map(async ([id, one]) => {
      const at = one.at ?? (one.status === 'skipped' ? undefined : await ranAt(context, all.get(id) ?? NOBODY));
      if (at) results.set(id, { ...one, at });
    }),
  );
  return results;
}

const NOBODY: Node = {
  unique_id: '',
  name: '',
  resource_type: '',
  package_name: '',
  path: '',
  original_file_path: '',
};

/** The log, and the one before it: dbt begins a new one at 10 MB. */
async function logOf(context: ToolContext): Promise<Section[]> {
  const files = [inTarget(context, 'logs', 'dbt.log.1'), inTarget(context, 'logs', 'dbt.log')];
  const read = await Promise.all(files.map((file) => readKept(file, sectionsOf).catch(() => undefined)));
  return read.flatMap((one) => one ?? []);
}
