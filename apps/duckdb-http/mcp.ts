import { defineAdapter } from '@stack/mcp';
import { dataFreshness } from './mcp/freshness';
import { dataProfile } from './mcp/profile';
import { dataQuery } from './mcp/query';
import { prompts, resources } from './mcp/resources';
import { dataSample } from './mcp/sample';
import { dataDescribe, dataTables } from './mcp/tables';
import { watchSnapshot } from './mcp/watch';

/** The published data: its tables, their values, SQL. `env`: URL and TOKEN of the service. */
export const adapter = defineAdapter({
  tools: [dataTables, dataDescribe, dataSample, dataQuery, dataProfile, dataFreshness],
  resources,
  prompts,
  watch: [watchSnapshot],
});
