import { defineAdapter } from '@stack/mcp';
import { dbtImpact } from './mcp/impact';
import { dbtModelShow } from './mcp/model-show';
import { dbtModels } from './mcp/models';
import { prompts, resources } from './mcp/resources';
import { dbtTestShow, dbtTests } from './mcp/tests';

/** The dbt project by its artefacts. `env`: TARGET is dbt's target folder. */
export const adapter = defineAdapter({
  tools: [dbtModels, dbtModelShow, dbtTests, dbtTestShow, dbtImpact],
  resources,
  prompts,
});
