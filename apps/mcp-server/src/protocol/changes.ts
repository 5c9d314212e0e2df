import type { McpServer } from '@modelcontextprotocol/server';
import type { ResourceSpec } from '@stack/mcp';
import type { StackEvent } from '../stack/events';
import type { Of, Toolbox } from '../toolbox';

/** Resources that may have changed with an event, by their addresses; of a template, those that there are. */
export async function changedBy(event: StackEvent, toolbox: Toolbox): Promise<string[]> {
  const about = toolbox.resources.filter(({ changesWith }) => changesWith?.includes(event.topic));
  const addresses = about.map(async (resource) => {
    if (!resource.uri.includes('{')) return [resource.uri];
    const context = toolbox.context(resource.unit, { signal: AbortSignal.timeout(5_000) });
    return ((await resource.list?.(context).catch(() => [])) ?? []).map(({ uri }) => uri);
  });
  return [...new Set((await Promise.all(addresses)).flat())];
}

/** Whether there may be other resources after the event. */
export const listChangedBy = (event: StackEvent, resources: readonly Of<ResourceSpec>[]): boolean =>
  resources.some(({ uri, changesWith }) => uri.includes('{') && changesWith?.includes(event.topic));

/** The subscriptions of one connection with the protocol of 2025; the newer one has a stream for them. */
export class Subscriptions {
  private readonly uris = new Set<string>();

  constructor(private readonly server: McpServer) {
    server.server.setRequestHandler('resources/subscribe', ({ params }) => {
      this.uris.add(params.uri);
      return {};
    });
    server.server.setRequestHandler('resources/unsubscribe', ({ params }) => {
      this.uris.delete(params.uri);
      return {};
    });
  }

  get size(): number {
    return this.uris.size;
  }

  async tell(uris: readonly string[], listChanged: boolean): Promise<void> {
    if (!this.server.isConnected()) return;
    if (listChanged) this.server.sendResourceListChanged();
    for (const uri of uris)
      if (this.uris.has(uri)) await this.server.server.sendResourceUpdated({ uri }).catch(() => undefined);
  }
}
