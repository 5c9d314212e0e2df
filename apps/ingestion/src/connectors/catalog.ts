/** Which streams a connection syncs and how, between the names of Airbyte's API and those of its protocol. */
import { RequestError } from '@stack/http-server';
import type { DestinationMode, DiscoveredStream, SelectedStream, SourceMode } from './protocol';

/** The sync modes that are supported, by their name in the API. */
export const MODES: Record<string, { mode: SourceMode; destinationMode: DestinationMode }> = {
  full_refresh_overwrite: { mode: 'full_refresh', destinationMode: 'overwrite' },
  full_refresh_overwrite_deduped: { mode: 'full_refresh', destinationMode: 'overwrite_dedup' },
  full_refresh_append: { mode: 'full_refresh', destinationMode: 'append' },
  incremental_append: { mode: 'incremental', destinationMode: 'append' },
  incremental_deduped_history: { mode: 'incremental', destinationMode: 'append_dedup' },
};

/** A stream as a client of the API configures it. */
export interface StreamRequest {
  name: string;
  namespace?: string;
  syncMode?: string;
  cursorField?: string[];
  primaryKey?: string[][];
  selectedFields?: { fieldPath?: string[] }[];
}

export const modeName = ({ mode, destinationMode }: SelectedStream): string =>
  Object.entries(MODES).find(([, m]) => m.mode === mode && m.destinationMode === destinationMode)?.[0] ?? '';

const invalid = (message: string, remedy: string): RequestError =>
  new RequestError(400, 'invalid_configuration', message, { remedy });

/**
 * What a client asked for, checked against what the source has. Nothing asked for: every stream, in full at each sync.
 *
 * @throws RequestError naming the stream and what is wrong with it
 */
export function selectStreams(
  discovered: readonly DiscoveredStream[],
  asked: readonly StreamRequest[] | undefined,
): SelectedStream[] {
  const requests = asked?.length ? asked : discovered.map(({ name }): StreamRequest => ({ name }));
  const twice = requests.find((one, i) => requests.findIndex((other) => other.name === one.name) !== i);
  if (twice) throw invalid(`the stream ${twice.name} is configured twice`, 'name each stream once');
  return requests.map((request) => {
    const stream = discovered.find(
      (one) => one.name === request.name && (!request.namespace || one.namespace === request.namespace),
    );
    if (!stream)
      throw invalid(
        `the source has no stream ${request.name}; it has ${discovered.map((one) => one.name).join(', ')}`,
        'choose streams that it has',
      );
    return selectStream(stream, request);
  });
}

function selectStream(stream: DiscoveredStream, request: StreamRequest): SelectedStream {
  const { name } = stream;
  const modes = MODES[request.syncMode ?? 'full_refresh_overwrite'];
  if (!modes)
    throw invalid(
      `stream ${name}: the sync mode ${request.syncMode} isn't supported`,
      `use one of ${Object.keys(MODES).join(', ')}`,
    );
  const supported = stream.supported_sync_modes ?? ['full_refresh'];
  if (!supported.includes(modes.mode))
    throw invalid(
      `stream ${name} doesn't support ${modes.mode}, only ${supported.join(', ')}`,
      'use another sync mode',
    );
  const cursorField =
    (!stream.source_defined_cursor && request.cursorField?.length
      ? request.cursorField
      : stream.default_cursor_field) ?? [];
  const primaryKey =
    (stream.source_defined_primary_key?.length ? stream.source_defined_primary_key : request.primaryKey) ??
    [];
  if (modes.mode === 'incremental' && !stream.source_defined_cursor && cursorField.length === 0)
    throw invalid(
      `stream ${name}: incremental needs a cursorField, the source defines none`,
      'name the cursorField',
    );
  if (modes.destinationMode.endsWith('_dedup') && primaryKey.length === 0)
    throw invalid(
      `stream ${name}: deduplication needs a primaryKey, the source defines none`,
      'name the primaryKey',
    );
  const properties = stream.json_schema.properties ?? {};
  for (const path of [...primaryKey, ...(cursorField.length ? [cursorField] : [])])
    if (path.length !== 1 || !(path[0] in properties))
      throw invalid(
        `stream ${name} has no property ${path.join('.')} of its own, to be its key or cursor`,
        `use one of ${Object.keys(properties).join(', ')}`,
      );
  const fields = request.selectedFields?.map((field) => field.fieldPath?.[0] ?? '');
  const unknown = fields?.find((field) => !(field in properties));
  if (unknown !== undefined)
    throw invalid(
      `stream ${name} has no property ${unknown}`,
      `use some of ${Object.keys(properties).join(', ')}`,
    );
  return {
    stream,
    ...modes,
    cursorField,
    primaryKey,
    ...(fields?.length
      ? { selectedFields: [...new Set([...fields, ...cursorField, ...primaryKey.flat()])] }
      : {}),
  };
}

/** The configured catalogue that `read` takes. */
export function configuredCatalog(streams: readonly SelectedStream[]): object {
  return {
    streams: streams.map(({ stream, mode, destinationMode, cursorField, primaryKey }) => ({
      stream,
      sync_mode: mode,
      destination_sync_mode: destinationMode,
      cursor_field: cursorField,
      primary_key: primaryKey,
    })),
  };
}
