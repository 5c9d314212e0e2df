import type { QueryResultRow } from 'pg';
import type { Configuration, DiscoveredStream, SelectedStream } from '../connectors/protocol';
import type { Database } from '@stack/postgres/client';

interface Row extends QueryResultRow {
  id: string;
  name: string;
  created_at: Date;
  deleted_at: Date | null;
}

export type Workspace = Row;

export interface Source extends Row {
  workspace_id: string;
  /** `source-faker`. */
  type: string;
  configuration: Configuration;
  /** What discover answered for `catalog_key` (connector's version and configuration). */
  catalog: DiscoveredStream[] | null;
  catalog_key: string | null;
}

export interface Destination extends Row {
  workspace_id: string;
  type: string;
  configuration: Configuration;
}

/** How a connection writes; names and values as in Airbyte's API. */
export interface ConnectionSettings {
  prefix: string;
  namespaceDefinition: 'source' | 'destination' | 'custom_format';
  namespaceFormat?: string;
  nonBreakingSchemaUpdatesBehavior: 'ignore' | 'disable_connection' | 'propagate_columns' | 'propagate_fully';
}

export interface Connection extends Row {
  workspace_id: string;
  source_id: string;
  destination_id: string;
  status: 'active' | 'inactive' | 'deprecated';
  settings: ConnectionSettings;
  streams: SelectedStream[];
}

interface Kinds {
  workspaces: Workspace;
  sources: Source;
  destinations: Destination;
  connections: Connection;
}
export type Kind = keyof Kinds;

export interface Page {
  limit: number;
  offset: number;
}

/** Columns that hold JSON, which the driver would otherwise take arrays in for PostgreSQL's own. */
const JSON_COLUMNS = new Set(['configuration', 'catalog', 'settings', 'streams']);

/** Workspaces, sources, destinations and connections. Deleted ones stay, for the jobs that refer to them. */
export class Objects {
  constructor(private readonly database: Database) {}

  find<K extends Kind>(kind: K, id: string): Promise<Kinds[K] | undefined> {
    return this.database.row<Kinds[K]>(`select * from ${kind} where id = $1`, [id]);
  }

  /** A page in order of creation, with one more than asked for if there are more. */
  list<K extends Kind>(
    kind: K,
    page: Page,
    filter: { workspaces?: string[]; deleted?: boolean } = {},
  ): Promise<Kinds[K][]> {
    const workspace = kind === 'workspaces' ? 'id' : 'workspace_id';
    return this.database.rows<Kinds[K]>(
      `select * from ${kind} where ($1::uuid[] is null or ${workspace} = any($1::uuid[])) and ($2 or deleted_at is null)
       order by created_at, id limit $3 offset $4`,
      [filter.workspaces ?? null, filter.deleted ?? false, page.limit + 1, page.offset],
    );
  }

  async insert<K extends Kind>(kind: K, values: Partial<Kinds[K]> & { id: string }): Promise<Kinds[K]> {
    const names = Object.keys(values);
    const holes = names.map((_, i) => `$${i + 1}`);
    const sql = `insert into ${kind} (${names.join(', ')}) values (${holes.join(', ')}) on conflict (id) do nothing returning *`;
    return (await this.database.row<Kinds[K]>(sql, parameters(values))) ?? this.existing(kind, values.id);
  }

  async update<K extends Kind>(kind: K, id: string, values: Partial<Kinds[K]>): Promise<Kinds[K]> {
    const names = Object.keys(values);
    if (names.length === 0) return this.existing(kind, id);
    const sets = names.map((name, i) => `${name} = $${i + 2}`);
    const sql = `update ${kind} set ${sets.join(', ')} where id = $1 returning *`;
    return (await this.database.row<Kinds[K]>(sql, [id, ...parameters(values)])) ?? this.existing(kind, id);
  }

  async remove(kind: Kind, id: string): Promise<void> {
    await this.database.rows(`update ${kind} set deleted_at = now() where id = $1`, [id]);
  }

  /** Connections in use that refer to the source or destination, or that are in the workspace. */
  using(column: 'source_id' | 'destination_id' | 'workspace_id', id: string): Promise<Connection[]> {
    return this.database.rows<Connection>(
      `select * from connections where ${column} = $1 and deleted_at is null order by name`,
      [id],
    );
  }

  private async existing<K extends Kind>(kind: K, id: string): Promise<Kinds[K]> {
    const found = await this.find(kind, id);
    if (!found) throw new Error(`there is no ${id} in ${kind}`);
    return found;
  }
}

const parameters = (values: object): unknown[] =>
  Object.entries(values).map(([name, value]) =>
    JSON_COLUMNS.has(name) && value !== null ? JSON.stringify(value) : value,
  );
