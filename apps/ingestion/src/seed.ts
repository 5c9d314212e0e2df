import { selectStreams } from './connectors/catalog';
import { DEFAULTS } from './ids';
import type { Settings } from './settings';
import type { Objects } from './store/objects';
import type { Asking } from './connectors/ask';
import { warehouseConfiguration } from './api/destinations';
import { discovered } from './sync/schemas';

/** Few enough to be there in seconds, the same at each run, and nothing new at the second. */
const FAKER = { count: 1000, seed: 42, parallelism: 1, records_per_slice: 1000, always_updated: false };

/** Makes what a first start finds missing: a workspace with one source, the warehouse, and a connection between them. */
export async function seed(objects: Objects, asking: Asking, settings: Settings): Promise<void> {
  if (await objects.find('connections', DEFAULTS.connection)) return;
  await objects.insert('workspaces', { id: DEFAULTS.workspace, name: 'Default' });
  const source = await objects.insert('sources', {
    id: DEFAULTS.source,
    workspace_id: DEFAULTS.workspace,
    name: 'faker',
    type: 'source-faker',
    configuration: FAKER,
  });
  await objects.insert('destinations', {
    id: DEFAULTS.destination,
    workspace_id: DEFAULTS.workspace,
    name: 'warehouse',
    type: 'duckdb',
    configuration: warehouseConfiguration({}, settings.warehousePath),
  });
  const streams = await discovered({ asking, objects, source });
  const syncMode = 'incremental_deduped_history';
  await objects.insert('connections', {
    id: DEFAULTS.connection,
    workspace_id: DEFAULTS.workspace,
    source_id: DEFAULTS.source,
    destination_id: DEFAULTS.destination,
    name: 'faker',
    status: 'active',
    settings: {
      prefix: '',
      namespaceDefinition: 'destination',
      nonBreakingSchemaUpdatesBehavior: 'ignore',
    },
    streams: selectStreams(
      streams,
      streams.map(({ name }) => ({ name, syncMode })),
    ),
  });
}
