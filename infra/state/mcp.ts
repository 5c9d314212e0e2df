import { defineAdapter } from '@stack/mcp';
import { infraModules } from './mcp/modules';
import { infraPlan } from './mcp/plan';

/** Infrastructure: modules, and what a deploy to AWS would make. `env`: WORKSPACE is the checkout. */
export const adapter = defineAdapter({ tools: [infraModules, infraPlan] });
