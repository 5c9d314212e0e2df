/** Rows as Airbyte's API answers them: every field that airbyte-api's models require, none of them null. */
import { modeName } from '../connectors/catalog';
import type { Json, JsonObject, Schema } from '../connectors/protocol';
import { uuidOf } from '../ids';
import type { Job } from '../store/jobs';
import type { Connection, Destination, Source, Workspace } from '../store/objects';

const HIDDEN = '**********';
const seconds = (date: Date): number => Math.floor(date.getTime() / 1000);
/** `source-faker` is `faker` to the API. */
export const shortName = (type: string): string => type.replace(/^source-/, '');

export const workspaceAnswer = ({ id, name }: Workspace): object => ({
  workspaceId: id,
  name,
  dataResidency: 'auto',
  notifications: {},
});

/** @param schema of the connector's configuration: secrets are hidden by it; without it, everything is */
export const sourceAnswer = (source: Source, schema?: Schema): object => ({
  sourceId: source.id,
  name: source.name,
  sourceType: shortName(source.type),
  definitionId: uuidOf(source.type),
  workspaceId: source.workspace_id,
  createdAt: seconds(source.created_at),
  configuration: {
    sourceType: shortName(source.type),
    ...(schema ? (hide(source.configuration, schema) as JsonObject) : {}),
  },
});

export const destinationAnswer = (destination: Destination): object => ({
  destinationId: destination.id,
  name: destination.name,
  destinationType: destination.type,
  definitionId: uuidOf(`destination-${destination.type}`),
  workspaceId: destination.workspace_id,
  createdAt: seconds(destination.created_at),
  configuration: { destinationType: destination.type, ...destination.configuration },
});

export const connectionAnswer = (connection: Connection): object => ({
  connectionId: connection.id,
  name: connection.name,
  sourceId: connection.source_id,
  destinationId: connection.destination_id,
  workspaceId: connection.workspace_id,
  status: connection.deleted_at ? 'deprecated' : connection.status,
  createdAt: seconds(connection.created_at),
  schedule: { scheduleType: 'manual' },
  tags: [],
  ...connection.settings,
  configurations: {
    streams: connection.streams.map((selected) => ({
      name: selected.stream.name,
      ...(selected.stream.namespace ? { namespace: selected.stream.namespace } : {}),
      syncMode: modeName(selected),
      cursorField: selected.cursorField,
      primaryKey: selected.primaryKey,
      selectedFields: (selected.selectedFields ?? []).map((field) => ({ fieldPath: [field] })),
      mappers: [],
    })),
  },
});

/** A stream in the configuration API's words. */
export const syncCatalog = (connection: Connection): object => ({
  streams: connection.streams.map(({ stream, mode, destinationMode, cursorField, primaryKey }) => ({
    stream: {
      name: stream.name,
      ...(stream.namespace ? { namespace: stream.namespace } : {}),
      jsonSchema: stream.json_schema,
      supportedSyncModes: stream.supported_sync_modes ?? ['full_refresh'],
      sourceDefinedCursor: stream.source_defined_cursor ?? false,
      defaultCursorField: stream.default_cursor_field ?? [],
      sourceDefinedPrimaryKey: stream.source_defined_primary_key ?? [],
    },
    config: {
      selected: true,
      aliasName: stream.name,
      syncMode: mode,
      destinationSyncMode: destinationMode,
      cursorField,
      primaryKey,
    },
  })),
});

export const jobAnswer = (job: Job): object => ({
  jobId: job.id,
  status: job.status,
  jobType: job.type,
  connectionId: job.connection_id,
  startTime: (job.started_at ?? job.created_at).toISOString(),
  lastUpdatedAt: job.updated_at.toISOString(),
  duration: `PT${duration(job)}S`,
  bytesSynced: Number(job.bytes),
  rowsSynced: Number(job.rows),
  // Ours: Airbyte's API has no place for why a job failed, and for the rows that were kept aside.
  rowsQuarantined: Number(job.quarantined),
  attempts: job.attempts,
  ...(job.error ? { failureReason: job.error } : {}),
});

const duration = ({ started_at, ended_at }: Job): number =>
  started_at
    ? Math.max(0, Math.round(((ended_at ?? new Date()).getTime() - started_at.getTime()) / 1000))
    : 0;

/** The value with its secrets replaced by asterisks. */
export function hide(value: Json, schema: Schema | undefined): Json {
  return map(value, schema, () => HIDDEN);
}

/** A configuration that came back with hidden secrets, with the old ones in their place. */
export function unhide(value: Json, old: Json, schema: Schema | undefined): Json {
  return map(value, schema, (secret, path) => (secret === HIDDEN ? (at(old, path) ?? secret) : secret));
}

const at = (value: Json | undefined, path: readonly string[]): Json | undefined =>
  path.reduce<Json | undefined>((inner, key) => (isObject(inner) ? inner[key] : undefined), value);

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function map(
  value: Json,
  schema: Schema | undefined,
  secret: (value: Json, path: readonly string[]) => Json,
  path: readonly string[] = [],
): Json {
  if (!schema || value === null) return value;
  if (schema.airbyte_secret) return secret(value, path);
  const variants = [...(schema.oneOf ?? []), ...(schema.anyOf ?? []), ...(schema.allOf ?? [])];
  if (!isObject(value)) return value;
  const result: JsonObject = { ...value };
  for (const one of [schema, ...variants])
    for (const [key, property] of Object.entries(one.properties ?? {}))
      if (key in result) result[key] = map(result[key], property, secret, [...path, key]);
  return result;
}
