import { open, readdir } from 'node:fs/promises';
import * as path from 'node:path';
import { ToolError, cursorOf, offsetOf } from '@stack/mcp';

export interface LogQuestion {
  readonly search?: string;
  readonly errors: boolean;
  /** ISO 8601. */
  readonly from?: string;
  readonly to?: string;
  readonly limit: number;
  readonly cursor?: string;
}

export interface LogLine {
  process: string;
  at?: string;
  text: string;
  truncated?: boolean;
}

export interface LogAnswer {
  lines: LogLine[];
  searchedBytes: number;
  complete: boolean;
  nextCursor?: string;
}

/** Bytes of the end of each file that are looked through, and characters of a line that are shown. */
const [BYTES, LINE] = [8 * 2 ** 20, 2_000];

const TROUBLE =
  /\b(error|warn(ing)?|fatal|critical|panic|exception|traceback|failed|failure)\b|"level":(40|50|60)\b/i;

/**
 * Lines of a unit's log, the newest last.
 * @param folder where the stack's logs are; empty in a container
 * @throws ToolError when there is none
 */
export async function logLines(
  folder: string | undefined,
  unit: string,
  asked: LogQuestion,
): Promise<LogAnswer> {
  const names = folder ? await readdir(folder).catch(() => [] as string[]) : [];
  const files = names.filter((name) => name.startsWith(`${unit}.`) && name.endsWith('.log')).sort();
  if (files.length === 0)
    throw new ToolError(
      'no_log',
      names.length === 0
        ? 'in a container this server sees no other’s log'
        : `${unit} has written no log here`,
      `type: make logs s=${unit}`,
    );
  const read = await Promise.all(files.map((name) => endOf(path.join(folder as string, name), name)));
  const kept = inOrder(read.flatMap(({ lines }) => lines)).filter(wanted(asked));
  const skipped = offsetOf(asked.cursor);
  const end = Math.max(0, kept.length - skipped);
  const begin = Math.max(0, end - asked.limit);
  const complete = read.every((one) => one.complete);
  return {
    lines: kept.slice(begin, end).map(shortened),
    searchedBytes: read.reduce((sum, { bytes }) => sum + bytes, 0),
    complete,
    ...(begin > 0 && { nextCursor: cursorOf(skipped + (end - begin)) }),
  };
}

async function endOf(
  file: string,
  name: string,
): Promise<{ lines: LogLine[]; bytes: number; complete: boolean }> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const bytes = Math.min(size, BYTES);
    const buffer = Buffer.alloc(bytes);
    await handle.read(buffer, 0, bytes, size - bytes);
    const complete = size <= BYTES;
    const [, process = 'main'] = name.split('.');
    const texts = buffer.toString().split('\n');
    // The first one may be the rest of a line.
    if (!complete) texts.shift();
    let at: string | undefined;
    const lines = texts.filter(Boolean).map((text): LogLine => {
      at = timeOf(text) ?? at;
      return { process, ...(at && { at }), text };
    });
    return { lines, bytes, complete };
  } finally {
    await handle.close();
  }
}

/** When a line was written, in the ways that the programs of the stack tell it; a line that doesn't is of the one before it. */
export function timeOf(text: string): string | undefined {
  const [, epoch] = /"time":(\d{13})\b/.exec(text) ?? [];
  if (epoch) return new Date(Number(epoch)).toISOString();
  const [, date, time, zone = 'Z'] =
    /(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:[.,]\d{1,6})?)\s?(Z|[+-]\d\d:?\d\d)?/.exec(text) ?? [];
  if (!date) return undefined;
  const moment = new Date(`${date}T${time.replace(',', '.')}${zone}`);
  return Number.isNaN(moment.getTime()) ? undefined : moment.toISOString();
}

/** Several processes' lines by time, as far as they tell it; those of one process stay in their order. */
function inOrder(lines: LogLine[]): LogLine[] {
  return lines
    .map((line, i) => ({ line, i }))
    .sort((a, b) => (a.line.at ?? '').localeCompare(b.line.at ?? '') || a.i - b.i)
    .map(({ line }) => line);
}

function wanted({ search, errors, from, to }: LogQuestion): (line: LogLine) => boolean {
  const text = search?.toLowerCase();
  const [first, last] = [from, to].map((time) => (time ? new Date(time).toISOString() : undefined));
  return (line) =>
    (text === undefined || line.text.toLowerCase().includes(text)) &&
    (!errors || TROUBLE.test(line.text)) &&
    (first === undefined || (line.at ?? '') >= first) &&
    (last === undefined || (line.at ?? '') < last);
}

const shortened = (line: LogLine): LogLine =>
  line.text.length > LINE ? { ...line, text: line.text.slice(0, LINE), truncated: true } : line;
