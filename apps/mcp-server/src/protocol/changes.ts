import type { McpServer } from '@modelcontextprotocol/server';
import type { ResourceSpec, Topic } from '@stack/mcp';
import type { StackEvent } from '../stack/events';
import type { Of, Toolbox } from '../toolbox';

/** Milliseconds that changes are gathered before they are told: many at once are one. */
const GATHER = 200;

/** Tells which resources may have changed after events, if anybody wants to know. */
export class Changes {
  private readonly topics = new Set<Topic>();
  private timer?: NodeJS.Timeout;

  constructor(
    private readonly toolbox: Toolbox,
    private readonly isWanted: () => boolean,
    private readonly tell: (uris: readonly string[], listChanged: boolean) => Promise<void>,
  ) {}

  after({ topic }: StackEvent): void {
    if (!this.isWanted()) return;
    this.topics.add(topic);
    this.timer ??= setTimeout(() => void this.tellGathered(), GATHER).unref();
  }

  private async tellGathered(): Promise<void> {
    const about = this.toolbox.resources.filter(({ changesWith }) =>
      changesWith?.some((topic) => this.topics.has(topic)),
    );
    this.topics.clear();
    this.timer = undefined;
    const uris = (await Promise.all(about.map((resource) => this.addressesOf(resource)))).flat();
    // There may be others of a template, too.
    await this.tell([...new Set(uris)], about.some(isTemplate));
  }

  /** The address of a resource; of a template, those that there are. */
  private async addressesOf(resource: Of<ResourceSpec>): Promise<string[]> {
    if (!isTemplate(resource)) return [resource.uri];
    const context = this.toolbox.context(resource.unit, { signal: AbortSignal.timeout(5_000) });
    return ((await resource.list?.(context).catch(() => [])) ?? []).map(({ uri }) => uri);
  }
}

const isTemplate = ({ uri }: ResourceSpec): boolean => uri.includes('{');

/** The subscriptions of one connection with the protocol of 2025; the newer one has a stream for them. */
export class Subscriptions {
  private readonly uris = new Set<string>();

  /** @param all what is subscribed to is known elsewhere: everything is sent, and the SDK leaves out what nobody asked for */
  constructor(
    private readonly server: McpServer,
    private readonly all = false,
  ) {
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
      if (this.all || this.uris.has(uri))
        await this.server.server.sendResourceUpdated({ uri }).catch(() => undefined);
  }
}
