/** What is told as it happens: a snapshot that was published. */
import type { Seen, Watch } from '@stack/mcp';
import { served } from './client';

export const watchSnapshot: Watch = {
  topic: 'data',
  look: async (context) => {
    const { id, runId, publishedAt } = await served(context);
    const seen: Seen = { state: id ?? '', event: { snapshot: id, runId, publishedAt } };
    return new Map([['snapshot', seen]]);
  },
};
