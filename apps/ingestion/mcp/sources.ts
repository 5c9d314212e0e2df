import { type ToolContext, ToolError, more, pageOf, paged, tool } from '@stack/mcp';
import { z } from 'zod';
import { type Source, type Discovered, Airbyte } from './airbyte';
import { uuid, stackLog, plural } from './sync';

export const sourcesList = tool({
  name: 'sources_list',
  title: 'Sources of Airbyte',
  description:
    'The sources of the ingestion service with the streams that each offers (fields, sync modes, keys), and the connectors that are installed. Their configuration is not told, since it may have secrets. A source that cannot be asked says why in `problem`.',
  input: z.object({
    sourceId: uuid.optional().describe('only this one'),
    streams: z
      .boolean()
      .default(true)
      .describe('false: without asking the sources for their streams, which may take seconds'),
    ...paged,
    limit: z.number().int().min(1).max(20).default(10).describe('entries at once, at most 20'),
  }),
  output: z.object({
    sources: z.array(
      z.object({
        sourceId: z.string(),
        name: z.string(),
        type: z.string(),
        created: z.string(),
        streams: z
          .array(
            z.object({
              name: z.string(),
              fields: z.array(z.string()),
              syncModes: z.array(z.string()),
              key: z.array(z.string()),
            }),
          )
          .optional(),
        problem: z.string().optional().describe('why its streams are not known'),
      }),
    ),
    connectors: z.array(z.object({ name: z.string(), version: z.string(), docs: z.string().optional() })),
    ...more,
  }),
  run: async (input, context) => {
    const airbyte = await Airbyte.open(context);
    const { entries } = await airbyte.list<Source>('sources');
    const found = entries.filter(({ sourceId }) => !input.sourceId || sourceId === input.sourceId);
    if (input.sourceId && found.length === 0)
      throw new ToolError(
        'unknown_source',
        `there is no source ${input.sourceId}`,
        `there are ${
          entries
            .slice(0, 5)
            .map(({ sourceId }) => sourceId)
            .join(', ') || 'none'
        }: sources_list`,
      );
    const page = pageOf(found, input);
    const sources = await Promise.all(
      page.entries.map(async ({ sourceId, name, sourceType: type, createdAt }) => ({
        sourceId,
        name,
        type,
        created: new Date(createdAt * 1_000).toISOString(),
        ...(input.streams && (await streamsOf(airbyte, sourceId, context))),
      })),
    );
    const broken = sources.filter((one) => 'problem' in one);
    return {
      text: `${plural(page.total, 'source')}${broken.length > 0 ? `, ${broken.length} of those here cannot be asked for streams` : ''}.`,
      data: {
        sources,
        connectors: await connectors(airbyte),
        total: page.total,
        ...(page.nextCursor && { nextCursor: page.nextCursor }),
      },
      next: [
        { tool: 'connections_list', arguments: {}, why: 'which of their streams are synced' },
        ...(broken.length > 0 ? [stackLog] : []),
        ...(page.nextCursor
          ? [{ tool: 'sources_list', arguments: { ...input, cursor: page.nextCursor }, why: 'the others' }]
          : []),
      ],
    };
  },
});

async function streamsOf(airbyte: Airbyte, sourceId: string, context: ToolContext) {
  try {
    const streams = await airbyte.json<Discovered[]>(
      `streams?sourceId=${sourceId}`,
      undefined,
      'GET',
      120_000,
    );
    return {
      streams: streams.map((stream) => ({
        name: stream.streamName,
        fields: stream.propertyFields.map((path) => path.join('.')),
        syncModes: [...stream.syncModes],
        key: stream.sourceDefinedPrimaryKey.map((path) => path.join('.')),
      })),
    };
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof ToolError) || error.code === 'service_down') throw error;
    return { problem: error.message };
  }
}

export async function connectors(
  airbyte: Airbyte,
): Promise<{ name: string; version: string; docs?: string }[]> {
  const { entries } = await airbyte.list<{ workspaceId: string }>('workspaces', 1);
  if (!entries[0]) return [];
  const { data } = await airbyte.json<{
    data: { name: string; dockerImageTag: string; documentationUrl?: string }[];
  }>(`workspaces/${entries[0].workspaceId}/definitions/sources`);
  return data.map(({ name, dockerImageTag: version, documentationUrl: docs }) => ({
    name,
    version,
    ...(docs && { docs }),
  }));
}
