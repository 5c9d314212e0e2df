/** What assistants have of Dagster: runs and why they failed, assets and why they are old, checks of the data, starting runs. */
import { defineAdapter } from '@stack/mcp';
import { assetShow } from './mcp/asset';
import { assetsList } from './mcp/assets';
import { runCancel } from './mcp/follow';
import { assetsMaterialise } from './mcp/launch';
import { runLogs } from './mcp/logs';
import { qualityResults } from './mcp/quality';
import { qualityFailingRows } from './mcp/rows';
import { runShow } from './mcp/run';
import { runsList } from './mcp/runs';
import { schedulesList } from './mcp/schedules';
import { assetWhyStale } from './mcp/stale';
import { prompts, resources } from './mcp/told';
import { watchRuns } from './mcp/watch';

export const adapter = defineAdapter({
  tools: [
    runsList,
    runShow,
    runLogs,
    assetsList,
    assetShow,
    assetWhyStale,
    schedulesList,
    qualityResults,
    qualityFailingRows,
    assetsMaterialise,
    runCancel,
  ],
  resources,
  prompts,
  watch: [watchRuns],
});
