/** For specs: a client of the running service, the scripted connector, and a look into the warehouse. */
import { copyFileSync, mkdirSync } from 'node:fs';
import * as path from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { type TestStack, eventually } from '@stack/testing';
import { snowflake } from '@stack/snowflake';
import { ingestion } from '../service';
import type { JsonObject } from './connectors/protocol';
import { DEFAULTS } from './ids';

export interface Answer {
  status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a spec says what it expects of it
  body: any;
}

export interface Stream {
  name: string;
  properties: JsonObject;
  syncMode?: string;
  key?: string;
  cursor?: string;
}

export const text = { type: 'string' };
export const whole = { type: 'integer' };

/** A stream of the scripted connector that most specs do with, and its records. */
export const people: Stream = {
  name: 'people',
  properties: { id: whole, name: text },
  key: 'id',
  cursor: 'id',
};
export const records = (...people: object[]) => ({ records: { people } }) as never;

export class Client {
  private token = '';

  constructor(readonly stack: TestStack) {}

  get url(): string {
    return this.stack.resolve(ingestion.url('http'));
  }

  async call(method: string, address: string, body?: unknown): Promise<Answer> {
    this.token ||= await this.fetchToken();
    const response = await fetch(`${this.url}${address}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json');
    return { status: response.status, body: json ? JSON.parse(text) : text };
  }

  get = (address: string): Promise<Answer> => this.call('GET', `/api/public/v1${address}`);
  post = (address: string, body?: unknown): Promise<Answer> =>
    this.call('POST', `/api/public/v1${address}`, body);
  patch = (address: string, body: unknown): Promise<Answer> =>
    this.call('PATCH', `/api/public/v1${address}`, body);
  delete = (address: string): Promise<Answer> => this.call('DELETE', `/api/public/v1${address}`);

  /** Gives a source another configuration. */
  async configure(sourceId: string, configuration: object): Promise<void> {
    const { status, body } = await this.patch(`/sources/${sourceId}`, { configuration });
    expect([status, body]).toMatchObject([200, { sourceId }]);
  }

  /** Id and name of each row of a table of `people`. */
  names(table: string): Promise<unknown[][]> {
    return this.rows(`select id::int, name from raw_airbyte.${table} order by id, name`);
  }

  /** A source of the scripted connector and a connection of its own; its tables have the prefix `<name>_`. */
  async scripted(
    name: string,
    streams: readonly Stream[],
    script: JsonObject = {},
    more: JsonObject = {},
  ): Promise<{ sourceId: string; connectionId: string }> {
    const source = await this.post('/sources', {
      name,
      workspaceId: DEFAULTS.workspace,
      configuration: { sourceType: 'scripted', streams: streams.map(discovered), ...script },
    });
    expect([source.status, source.body]).toMatchObject([200, {}]);
    const connection = await this.post('/connections', {
      name,
      sourceId: source.body.sourceId,
      destinationId: DEFAULTS.destination,
      prefix: `${name}_`,
      configurations: { streams: streams.map((one) => ({ name: one.name, syncMode: one.syncMode })) },
      ...more,
    });
    expect([connection.status, connection.body]).toMatchObject([200, { name }]);
    return { sourceId: source.body.sourceId, connectionId: connection.body.connectionId };
  }

  async start(connectionId: string, jobType = 'sync'): Promise<number> {
    const { status, body } = await this.post('/jobs', { connectionId, jobType });
    expect([status, body]).toMatchObject([200, { jobType }]);
    return body.jobId;
  }

  /** Waits until the job is over. */
  ended(jobId: number): Promise<Answer['body']> {
    return eventually(async () => {
      const { status, body } = await this.get(`/jobs/${jobId}`);
      // Its database may be away just now.
      if (status !== 200) throw new Error(`it answers ${status}`);
      if (['pending', 'running', 'incomplete'].includes(body.status)) throw new Error(`it is ${body.status}`);
      return body;
    }, 50_000);
  }

  async sync(connectionId: string): Promise<Answer['body']> {
    return this.ended(await this.start(connectionId));
  }

  /** Rows of a query on the warehouse, which is asked again while a load has it open. */
  rows(sql: string): Promise<unknown[][]> {
    return eventually(async () => {
      const instance = await DuckDBInstance.create(this.stack.resolve(snowflake.output('path')), {
        access_mode: 'READ_ONLY',
      });
      let connection: DuckDBConnection | undefined;
      try {
        connection = await instance.connect();
        await connection.run("SET TimeZone = 'UTC'");
        return (await connection.runAndReadAll(sql)).getRowsJson();
      } finally {
        connection?.closeSync();
        instance.closeSync();
      }
    });
  }

  /** Changes the warehouse, as somebody else. */
  async write(sql: string): Promise<void> {
    const instance = await DuckDBInstance.create(this.stack.resolve(snowflake.output('path')));
    const connection = await instance.connect();
    await connection.run(sql);
    connection.closeSync();
    instance.closeSync();
  }

  private async fetchToken(): Promise<string> {
    const response = await fetch(`${this.url}/api/public/v1/applications/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_id: this.stack.resolve(ingestion.secret('client_id')),
        client_secret: this.stack.resolve(ingestion.secret('client_secret')),
      }),
    });
    return ((await response.json()) as { access_token: string }).access_token;
  }
}

const discovered = ({ name, properties, key, cursor }: Stream): JsonObject => ({
  name,
  json_schema: { type: 'object', properties },
  supported_sync_modes: ['full_refresh', 'incremental'],
  source_defined_cursor: true,
  default_cursor_field: cursor ? [cursor] : [],
  source_defined_primary_key: key ? [[key]] : [],
});

/** Puts the scripted connector among the stack's own. */
export function addScripted(stack: TestStack): void {
  const bin = path.join(stack.resolve(ingestion.volume('connectors')), 'source-scripted', 'bin');
  mkdirSync(bin, { recursive: true });
  copyFileSync(path.join(__dirname, '../fixtures/source-scripted'), path.join(bin, 'source-scripted'));
}
