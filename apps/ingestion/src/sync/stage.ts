import { type WriteStream, createWriteStream } from 'node:fs';
import { once } from 'node:events';
import * as path from 'node:path';
import { SyncError, messageOf } from '../errors';
import { type Message, type SelectedStream, type State, streamKey } from '../connectors/protocol';

type RecordMessage = Extract<Message, { type: 'RECORD' }>['record'];

/** Text that is half a character, which JSON can write and no database takes. */
const HALF =
  /\\u[dD][89abAB][\da-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][\da-fA-F]{2})\\u[dD][c-fC-F][\da-fA-F]{2}/g;

interface Staged {
  files: string[];
  out: WriteStream;
  /** Bytes in the last file. */
  size: number;
  longest: number;
}

/**
 * Bytes of a file. DuckDB has each line of a file some twenty times in memory while it takes it apart: what it needs to load is
 * bounded by the size of a file.
 */
const FILE = 4 * 1024 * 1024;

/** Keeps what a connector reads in files, a line a record as it came, until all of it is there and can be loaded. */
export class Stage {
  records = 0;
  bytes = 0;
  private readonly files = new Map<string, Staged>();
  private readonly states = new Map<string, State>();
  private readonly selected: Map<string, SelectedStream>;
  private readonly ending = new Set<Promise<unknown>>();
  private opened = 0;
  private problem?: Error;

  constructor(
    private readonly folder: string,
    streams: readonly SelectedStream[],
    private readonly warn: (line: string) => void,
  ) {
    this.selected = new Map(streams.map((one) => [streamKey(one.stream), one]));
  }

  /** @throws SyncError for a stream that wasn't asked for, or when the disk is full */
  record(record: RecordMessage, line: string): void | Promise<void> {
    if (this.problem) throw this.problem;
    const key = streamKey({ name: record.stream, namespace: record.namespace });
    if (!this.selected.has(key))
      throw new SyncError(`it sent a record of ${key}, a stream that it wasn't asked for`);
    const text = line.includes('\\u') ? this.repaired(line, record) : line;
    const size = Buffer.byteLength(text) + 1;
    const staged = this.fileFor(key, size);
    this.records++;
    this.bytes += size;
    staged.size += size;
    staged.longest = Math.max(staged.longest, size);
    if (!staged.out.write(`${text}\n`)) return this.drained(staged.out);
  }

  state(state: State): void {
    const { stream_descriptor: stream } = state.stream ?? {};
    if (stream) {
      // Of a full refresh nothing is to be remembered: the next one begins anew.
      if (this.selected.get(streamKey(stream))?.mode === 'incremental')
        this.states.set(streamKey(stream), state);
    } else this.states.set(state.global ? 'GLOBAL' : 'LEGACY', state);
  }

  /** What to remember: the new state, and the old one of the streams that said nothing. */
  nextState(before: readonly State[]): State[] {
    const whole = this.states.get('GLOBAL') ?? this.states.get('LEGACY');
    if (whole) return [whole];
    const merged = new Map(stateOf(before, [...this.selected.values()]).map((one) => [stateKey(one), one]));
    for (const state of this.states.values()) merged.set(stateKey(state), state);
    return [...merged.values()];
  }

  /** The files, complete. @throws SyncError when the disk is full */
  async finish(): Promise<Map<string, { files: string[]; longest: number }>> {
    for (const { out } of this.files.values()) this.end(out);
    await Promise.all(this.ending);
    if (this.problem) throw this.problem;
    return new Map([...this.files].map(([key, { files, longest }]) => [key, { files, longest }]));
  }

  /** The stream's file, or the next one when a record of this size would make it too large. */
  private fileFor(key: string, size: number): Staged {
    let staged = this.files.get(key);
    if (staged && (staged.size === 0 || staged.size + size <= FILE)) return staged;
    const file = path.join(this.folder, `records-${this.opened++}.jsonl`);
    const out = createWriteStream(file, { highWaterMark: 256 * 1024, mode: 0o600 });
    out.on('error', (error) => {
      this.problem ??= new SyncError(`records of ${key} can't be kept: ${messageOf(error)}`, true);
      out.emit('drain');
    });
    if (staged) {
      this.end(staged.out);
      Object.assign(staged, { out, size: 0 });
      staged.files.push(file);
    } else {
      staged = { files: [file], out, size: 0, longest: 0 };
      this.files.set(key, staged);
    }
    return staged;
  }

  /** Closes a file, which is waited for at the end. */
  private end(out: WriteStream): void {
    if (out.closed) return;
    const closed = once(out, 'close')
      .catch(() => undefined)
      .finally(() => this.ending.delete(closed));
    this.ending.add(closed);
    out.end();
  }

  private async drained(out: WriteStream): Promise<void> {
    await once(out, 'drain').catch(() => undefined);
    if (this.problem) throw this.problem;
  }

  private repaired(line: string, record: RecordMessage): string {
    if (!/\\u[dD][89a-fA-F]/.test(line) || !/\\ud[89a-f]/.test(JSON.stringify(record.data))) return line;
    this.warn(`a record of ${record.stream} has half a character (a lone surrogate), which becomes U+FFFD`);
    return line.replace(HALF, '\\ufffd');
  }
}

const stateKey = (state: State): string =>
  state.stream ? streamKey(state.stream.stream_descriptor) : (state.type ?? 'LEGACY');

/** The part of a remembered state that the streams can go on from. */
export function stateOf(state: readonly State[], streams: readonly SelectedStream[]): State[] {
  const incremental = new Set(
    streams.filter(({ mode }) => mode === 'incremental').map(({ stream }) => streamKey(stream)),
  );
  if (incremental.size === 0) return [];
  return state.filter((one) => !one.stream || incremental.has(streamKey(one.stream.stream_descriptor)));
}
