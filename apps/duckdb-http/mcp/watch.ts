/** What is told as it happens: a snapshot that was published. */
import { type Seen, type Watch, askJson } from '@stack/mcp';

export const watchSnapshot: Watch = {
  topic: 'data',
  look: async (context) => {
    const found = await askJson<{
      id?: string | null;
      runId?: string | null;
      publishedAt?: string | null;
    } | null>(context, `${context.env.URL}/v1/snapshot`, {
      unit: 'duckdb-http',
      headers: { authorization: `Bearer ${context.env.TOKEN}` },
    });
    const { id = null, runId = null, publishedAt = null } = found ?? {};
    const seen: Seen = { state: id ?? '', event: { snapshot: id, runId, publishedAt } };
    return new Map([['snapshot', seen]]);
  },
};
