/** Airbyte’s public API, as far as the tools need it. */
import { type ToolContext, ToolError, askJson, ask, refusal } from '@stack/mcp';

export const UNIT = 'ingestion';
/** Entries of a page of Airbyte's API, at most. */
const PAGE = 100;
export const STATUSES = ['pending', 'running', 'incomplete', 'succeeded', 'failed', 'cancelled'] as const;
export const UNDER_WAY: readonly string[] = ['pending', 'running', 'incomplete'];

export interface Job {
  readonly jobId: number;
  readonly status: (typeof STATUSES)[number];
  readonly jobType: string;
  readonly connectionId: string;
  readonly startTime: string;
  readonly lastUpdatedAt: string;
  readonly duration: string;
  readonly bytesSynced: number;
  readonly rowsSynced: number;
  readonly rowsQuarantined: number;
  readonly attempts: number;
  readonly failureReason?: string;
}

interface Stream {
  readonly name: string;
  readonly namespace?: string;
  readonly syncMode: string;
  readonly cursorField?: readonly string[];
  readonly primaryKey?: readonly (readonly string[])[];
}

export interface Connection {
  readonly connectionId: string;
  readonly name: string;
  readonly sourceId: string;
  readonly status: string;
  readonly prefix?: string;
  readonly nonBreakingSchemaUpdatesBehavior?: string;
  readonly configurations: { readonly streams: readonly Stream[] };
}

export interface Source {
  readonly sourceId: string;
  readonly name: string;
  readonly sourceType: string;
  readonly workspaceId: string;
  readonly createdAt: number;
}

export interface Discovered {
  readonly streamName: string;
  readonly syncModes: readonly string[];
  readonly sourceDefinedPrimaryKey: readonly (readonly string[])[];
  readonly propertyFields: readonly (readonly string[])[];
}

/** One session with Airbyte's public API: its token is good for minutes. */
export class Airbyte {
  private constructor(
    private readonly context: ToolContext,
    private readonly headers: Readonly<Record<string, string>>,
  ) {}

  static async open(context: ToolContext): Promise<Airbyte> {
    const { access_token: token } = await askJson<{ access_token: string }>(
      context,
      `${context.env.API}/api/public/v1/applications/token`,
      {
        unit: UNIT,
        body: { client_id: context.env.CLIENT_ID, client_secret: context.env.CLIENT_SECRET },
      },
    );
    return new Airbyte(context, { authorization: `Bearer ${token}` });
  }

  json<T>(path: string, body?: object, method?: string, timeoutMs?: number): Promise<T> {
    const { context, headers } = this;
    return askJson<T>(context, `${context.env.API}/api/public/v1/${path}`, {
      unit: UNIT,
      headers,
      body,
      method,
      timeoutMs,
    });
  }

  async text(path: string): Promise<string> {
    const { context, headers } = this;
    const reply = await ask(context, `${context.env.API}/api/public/v1/${path}`, { unit: UNIT, headers });
    if (reply.status < 300) return reply.text;
    throw refusal(UNIT, reply.status, reply.text);
  }

  /** Entries of a list from an offset on, as many as are wanted; and whether there are more. */
  async list<T>(path: string, wanted = Infinity, offset = 0): Promise<{ entries: T[]; hasMore: boolean }> {
    const entries: T[] = [];
    for (;;) {
      const limit = Math.min(PAGE, wanted - entries.length);
      const query = `limit=${limit}&offset=${offset + entries.length}`;
      const { data, next } = await this.json<{ data: T[]; next: string }>(
        `${path}${path.includes('?') ? '&' : '?'}${query}`,
      );
      entries.push(...data);
      if (!next || entries.length >= wanted) return { entries, hasMore: Boolean(next) };
    }
  }

  /** @throws ToolError that names the newest, when there is no such job */
  async job(id: number): Promise<Job> {
    return this.json<Job>(`jobs/${id}`).catch(async (error: unknown) => {
      if (!(error instanceof ToolError) || error.code !== 'not_found') throw error;
      const { entries } = await this.list<Job>('jobs', 3);
      const newest = entries.map(({ jobId }) => jobId).join(', ');
      throw new ToolError(
        'unknown_sync',
        `there is no sync ${id}`,
        newest ? `the newest are ${newest}; syncs_list has the others` : 'there was none yet: sync_start',
      );
    });
  }

  /** @throws ToolError that names those that there are, when there is no such connection */
  async connection(id: string): Promise<Connection> {
    const { entries } = await this.list<Connection>('connections');
    const found = entries.find(({ connectionId }) => connectionId === id);
    if (found) return found;
    const known = entries.slice(0, 5).map((one) => one.connectionId);
    throw new ToolError(
      'unknown_connection',
      `there is no connection ${id}`,
      known.length > 0
        ? `there are ${known.join(', ')}: connections_list`
        : 'there is none yet: sources_list',
    );
  }
}
