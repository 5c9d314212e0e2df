import { more, pageOf, paged, tool } from '@stack/mcp';
import { z } from 'zod';
import { type Job, type Connection, Airbyte } from './airbyte';
import { syncShape, syncOf, showOf, plural } from './sync';

export const connectionsList = tool({
  name: 'connections_list',
  title: 'Connections of Airbyte',
  description:
    'The connections of the ingestion service, which sync a source into tables of the warehouse: source, streams with their sync modes and keys, tables’ prefix, last sync. Take it for the id that syncs_list and sync_start need.',
  input: z.object(paged),
  output: z.object({
    connections: z.array(
      z.object({
        connectionId: z.string(),
        name: z.string(),
        active: z.boolean(),
        sourceId: z.string(),
        prefix: z.string().describe('in front of the names of its tables'),
        schemaChanges: z.string().optional().describe('what happens when the source’s schema changes'),
        streams: z.array(
          z.object({
            name: z.string(),
            namespace: z.string().optional(),
            syncMode: z.string(),
            cursor: z.array(z.string()),
            key: z.array(z.string()),
          }),
        ),
        lastSync: z.object(syncShape).optional(),
      }),
    ),
    ...more,
  }),
  run: async (input, context) => {
    const airbyte = await Airbyte.open(context);
    const page = pageOf((await airbyte.list<Connection>('connections')).entries, input);
    const connections = await Promise.all(
      page.entries.map(async (one) => {
        const { entries } = await airbyte.list<Job>(`jobs?connectionId=${one.connectionId}`, 1);
        return {
          connectionId: one.connectionId,
          name: one.name,
          active: one.status === 'active',
          sourceId: one.sourceId,
          prefix: one.prefix ?? '',
          ...(one.nonBreakingSchemaUpdatesBehavior && {
            schemaChanges: one.nonBreakingSchemaUpdatesBehavior,
          }),
          streams: one.configurations.streams.map((stream) => ({
            name: stream.name,
            ...(stream.namespace && { namespace: stream.namespace }),
            syncMode: stream.syncMode,
            cursor: [...(stream.cursorField ?? [])],
            key: (stream.primaryKey ?? []).map((path) => path.join('.')),
          })),
          ...(entries[0] && { lastSync: syncOf(entries[0], 500) }),
        };
      }),
    );
    const failed = connections.find(({ lastSync }) => lastSync?.status === 'failed');
    const [first] = connections;
    return {
      text: `${plural(page.total, 'connection')}; ${connections.filter((one) => one.lastSync?.status === 'failed').length} of those here failed at their last sync.`,
      data: { connections, total: page.total, ...(page.nextCursor && { nextCursor: page.nextCursor }) },
      next: [
        ...(failed?.lastSync ? [showOf(failed.lastSync.jobId, 'why its last sync failed')] : []),
        ...(first
          ? [{ tool: 'syncs_list', arguments: { connectionId: first.connectionId }, why: 'its syncs' }]
          : [{ tool: 'sources_list', arguments: {}, why: 'what there is to be connected' }]),
        ...(page.nextCursor
          ? [
              {
                tool: 'connections_list',
                arguments: { ...input, cursor: page.nextCursor },
                why: 'the others',
              },
            ]
          : []),
      ],
    };
  },
});
