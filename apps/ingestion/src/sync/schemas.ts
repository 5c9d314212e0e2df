import type { Asking } from '../connectors/ask';
import type { DiscoveredStream, SelectedStream } from '../connectors/protocol';
import { streamKey } from '../connectors/protocol';
import { SyncError } from '../errors';
import type { Connection, Objects, Source } from '../store/objects';
import type { JobLog } from './log';

interface Refresh {
  asking: Asking;
  objects: Objects;
  connection: Connection;
  source: Source;
  log: JobLog;
}

/**
 * The connection's streams, with the source's schemas of now if the connection wants to follow them.
 *
 * @throws SyncError when the schemas changed and the connection is to stop then
 */
export async function refreshSchemas(it: Refresh): Promise<SelectedStream[]> {
  const { connection, source, objects, log } = it;
  const behavior = connection.settings.nonBreakingSchemaUpdatesBehavior;
  if (behavior === 'ignore') return connection.streams;
  const found = new Map(
    (await discovered(it, true)).map((stream): [string, DiscoveredStream] => [streamKey(stream), stream]),
  );
  const gone = connection.streams.filter(({ stream }) => !found.has(streamKey(stream)));
  if (gone.length > 0)
    throw new SyncError(
      `${source.type} no longer has ${gone.map(({ stream }) => stream.name).join(', ')}: take it out of the connection`,
    );
  const streams = connection.streams.map((selected) => ({
    ...selected,
    stream: found.get(streamKey(selected.stream)) ?? selected.stream,
  }));
  const changed = streams.filter(
    (now, i) => !same(now.stream.json_schema, connection.streams[i].stream.json_schema),
  );
  if (changed.length === 0) return connection.streams;
  const names = changed.map(({ stream }) => stream.name).join(', ');
  if (behavior === 'disable_connection') {
    await objects.update('connections', connection.id, { status: 'inactive' });
    throw new SyncError(
      `the schema of ${names} changed, and the connection is to stop then: it is inactive now`,
    );
  }
  log.write('INFO', `the schema of ${names} changed: the tables follow`);
  await objects.update('connections', connection.id, { streams });
  return streams;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

/** PostgreSQL keeps an object's keys in an order of its own. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

/** The source's streams: as remembered, while neither its configuration nor its connector changed. */
export async function discovered(
  { asking, objects, source }: Pick<Refresh, 'asking' | 'objects' | 'source'>,
  fresh = false,
): Promise<DiscoveredStream[]> {
  const { key } = await asking.connector(source.type);
  const wanted = `${key} ${JSON.stringify(sorted(source.configuration))}`;
  if (!fresh && source.catalog && source.catalog_key === wanted) return source.catalog;
  const catalog = await asking.discover(source.type, source.configuration);
  await objects.update('sources', source.id, { catalog, catalog_key: wanted });
  return catalog;
}
