import { defineAdapter } from '@stack/mcp';
import { catalogEntity } from './mcp/entity';
import { catalogLineage } from './mcp/lineage';
import { catalogOwners } from './mcp/owners';
import { catalogSearch } from './mcp/search';

/** The catalogue, by DataHub's own API. `env`: URL and TOKEN. */
export const adapter = defineAdapter({
  tools: [catalogSearch, catalogEntity, catalogLineage, catalogOwners],
});
