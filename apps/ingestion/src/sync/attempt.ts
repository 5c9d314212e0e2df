/** One attempt at one job: read into files, then load in one transaction. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { RequestError } from '@stack/http-server';
import { startTime } from '@stack/supervisor';
import type { Asking } from '../connectors/ask';
import { configuredCatalog } from '../connectors/catalog';
import { type SelectedStream, type State, streamKey } from '../connectors/protocol';
import { runConnector } from '../connectors/run';
import { Interrupted, SyncError } from '../errors';
import type { Settings } from '../settings';
import type { Job, Jobs } from '../store/jobs';
import type { Connection, Destination, Objects, Source } from '../store/objects';
import { type Loaded, clear, load } from '../warehouse/load';
import { type Past, type Visitor, type Warehouse, readPast } from '../warehouse/warehouse';
import { type JobLog, secretsIn } from './log';
import { refreshSchemas } from './schemas';
import { Stage, stateOf } from './stage';
import { tableOf } from './tables';

export interface Parts {
  settings: Settings;
  jobs: Jobs;
  objects: Objects;
  asking: Asking;
  warehouse: Warehouse;
}

interface Attempt extends Parts {
  job: Job;
  connection: Connection;
  source: Source;
  destination: Destination;
  log: JobLog;
  signal: AbortSignal;
  folder: string;
}

/** Milliseconds between two notes of how far a job is. */
const PROGRESS = 2_000;

/**
 * @param openLog makes the job's log, which hides these secrets
 * @throws SyncError, Interrupted
 */
export async function attempt(
  parts: Parts,
  job: Job,
  signal: AbortSignal,
  openLog: (secrets: string[]) => JobLog,
): Promise<Loaded> {
  const connection = await parts.objects.find('connections', job.connection_id);
  const source = connection && (await parts.objects.find('sources', connection.source_id));
  const destination = connection && (await parts.objects.find('destinations', connection.destination_id));
  if (!connection || !source || !destination || connection.deleted_at)
    throw new SyncError('the connection was deleted');
  const { connectionSpecification } = await parts.asking.spec(source.type).catch((error: unknown) => {
    // Not installed any more: told as what it is, not as a bad request.
    throw error instanceof RequestError ? new SyncError(`${error.message} → ${error.details.remedy}`) : error;
  });
  const log = openLog(secretsIn(source.configuration, connectionSpecification));
  const folder = path.join(parts.settings.jobsDir, String(job.id));
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    const all = { ...parts, job, connection, source, destination, log, signal, folder };
    return await (job.type === 'sync' ? sync(all) : clearTables(all));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function sync(it: Attempt): Promise<Loaded> {
  const { job, connection, log, warehouse } = it;
  const visitor = visitorOf(it);
  let past: Past = { state: [], basedOn: null, stateAge: 0 };
  // An earlier attempt may have loaded everything and ended before it could say so.
  past = await warehouse.transaction(visitor, (db) => readPast(db, connection.id, job.load_id));
  if (past.loaded) {
    log.write('INFO', 'an earlier attempt had loaded everything already');
    return past.loaded;
  }
  const streams = await refreshSchemas(it);
  const stage = new Stage(it.folder, streams, (line) => log.write('WARN', line));
  await read(it, streams, stateOf(past.state, streams), stage);
  const files = await stage.finish();
  const state = stage.nextState(past.state);
  // A schema that changed changes tables, also when there are no records.
  const sameSchemas = streams === connection.streams;
  if (past.basedOn && sameSchemas && isNothing(stage.records, streams, past, state)) {
    log.write('INFO', 'nothing new: the warehouse stays as it is');
    return { rows: 0, quarantined: 0 };
  }
  log.write('INFO', `read ${stage.records} records, ${stage.bytes} bytes; loading`);
  const longest = Math.max(0, ...[...files.values()].map((one) => one.longest));
  const loading = async (db: DuckDBConnection): Promise<Loaded> => {
    const loaded = await load(
      db,
      {
        connectionId: connection.id,
        jobId: job.id,
        loadId: job.load_id,
        basedOn: past.basedOn,
        state,
        streams: streams.map((selected) => ({
          selected,
          table: tableOf(connection, it.destination, selected.stream),
          files: [],
          longest: 0,
          ...files.get(streamKey(selected.stream)),
        })),
      },
      visitor.say,
    );
    if (it.signal.aborted) throw new Interrupted('interrupted');
    return loaded;
  };
  return warehouse.transaction(visitor, loading, longest);
}

/** Seconds after which a state is saved although no record came with it: a source may not keep for ever what it points to. */
const STATE_KEPT = 24 * 3600;

/**
 * Whether loading would change no row: who asks the warehouse's file whether there is something new must not be misled. The state
 * before is as good then: between it and the new one there was nothing.
 */
function isNothing(
  records: number,
  streams: readonly SelectedStream[],
  past: Past,
  state: readonly State[],
): boolean {
  const appends = streams.every(({ destinationMode }) => !destinationMode.startsWith('overwrite'));
  const old = past.stateAge > STATE_KEPT && JSON.stringify(past.state) !== JSON.stringify(state);
  return records === 0 && appends && !old;
}

async function read(
  it: Attempt,
  streams: readonly SelectedStream[],
  state: readonly State[],
  stage: Stage,
): Promise<void> {
  const { asking, source, job, log, settings } = it;
  const connector = await asking.connector(source.type);
  // One state of the oldest kind stands for itself, without an envelope.
  const handed = state.length === 1 && !state[0].stream && !state[0].global ? state[0].data : state;
  const files = {
    config: source.configuration,
    catalog: configuredCatalog(streams),
    ...(state.length > 0 ? { state: handed } : {}),
  };
  const args = ['read'];
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(it.folder, `${name}.json`);
    await writeFile(file, JSON.stringify(content), { mode: 0o600 });
    args.push(`--${name}`, file);
  }
  log.write(
    'INFO',
    `attempt ${job.attempts}: ${source.type} ${connector.version} reads ${streams.length} streams`,
  );
  const progress = setInterval(() => {
    it.jobs.progress(job.id, stage.records, stage.bytes).catch(() => undefined);
  }, PROGRESS);
  try {
    await runConnector({
      connector,
      args,
      cwd: it.folder,
      log,
      lineLimit: settings.lineLimit,
      signal: it.signal,
      // Only for who finds it left behind: without, it goes on.
      onStart: (pid) => it.jobs.started(job.id, pid, startTime(pid) ?? '').catch(() => undefined),
      onMessage: (message, line) => {
        if (message.type === 'RECORD') return stage.record(message.record, line);
        if (message.type === 'STATE') return stage.state(message.state);
        if (message.type === 'CONTROL' && message.control.connectorConfig) {
          // It was given new credentials, and the old ones are worth nothing now.
          const { config: configuration } = message.control.connectorConfig;
          return it.objects.update('sources', source.id, { configuration }).then(() => undefined);
        }
      },
    });
  } finally {
    clearInterval(progress);
  }
  await it.jobs.progress(job.id, stage.records, stage.bytes);
}

async function clearTables(it: Attempt): Promise<Loaded> {
  const tables = it.connection.streams.map(({ stream }) => tableOf(it.connection, it.destination, stream));
  await it.warehouse.transaction(visitorOf(it), (db) => clear(db, it.connection.id, tables));
  it.log.write('INFO', `cleared ${tables.map(({ schema, table }) => `${schema}.${table}`).join(', ')}`);
  return { rows: 0, quarantined: 0 };
}

const visitorOf = ({ job, connection, signal, log }: Attempt): Visitor => ({
  owner: `ingestion job ${job.id} (${connection.name})`,
  signal,
  say: (line) => log.write('INFO', line),
});
