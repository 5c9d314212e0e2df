/** The warehouse, which has one writer at a time: open only while the lease is held. */
import * as path from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { SyncError, messageOf } from '../errors';
import type { State } from '../connectors/protocol';
import { literal } from './columns';
import { withLease } from './lease';

export interface WarehouseOptions {
  path: string;
  socket: string;
  /** Megabytes that DuckDB may use, besides what long lines need. */
  memoryMb: number;
  /** Where DuckDB may spill to. */
  spill: string;
}

/** What one job does at the warehouse: who it is, for those who wait for it. */
export interface Visitor {
  owner: string;
  signal: AbortSignal;
  say: (line: string) => void;
}

/** How often DuckDB has a line in memory while it takes it apart, its buffers rounded up (measured). */
const COPIES = 40;

/** What this service remembers beside the rows, so that both change at once. */
const BOOKS = `
  CREATE SCHEMA IF NOT EXISTS airbyte_internal;
  CREATE TABLE IF NOT EXISTS airbyte_internal.state (connection_id VARCHAR, state JSON, load_id VARCHAR, updated_at TIMESTAMPTZ);
  CREATE TABLE IF NOT EXISTS airbyte_internal.loads (
    load_id VARCHAR, job_id BIGINT, connection_id VARCHAR, stream VARCHAR, table_name VARCHAR,
    rows BIGINT, quarantined BIGINT, loaded_at TIMESTAMPTZ);
  CREATE SCHEMA IF NOT EXISTS quarantine;
  CREATE TABLE IF NOT EXISTS quarantine.airbyte_rows (
    connection_id VARCHAR, job_id BIGINT, table_name VARCHAR, stream VARCHAR, record JSON, reason VARCHAR, quarantined_at TIMESTAMPTZ);`;

export interface Past {
  /** State of the last load, as the connector gave it. */
  state: State[];
  /** Names the load that the state is of; a load that builds on another state must not happen. */
  basedOn: string | null;
  /** Seconds since it was saved. */
  stateAge: number;
  /** Rows that this job loaded already, when it did so and was interrupted before it could say so. */
  loaded?: { rows: number; quarantined: number };
}

export class Warehouse {
  constructor(private readonly options: WarehouseOptions) {}

  /**
   * Does the work in one transaction, with the lease held: all of it happens, or nothing.
   *
   * @param longest bytes of the longest line that it reads
   * @throws SyncError when the file can't be opened
   */
  transaction<T>(
    visitor: Visitor,
    work: (connection: DuckDBConnection) => Promise<T>,
    longest = 0,
  ): Promise<T> {
    const { owner, signal, say } = visitor;
    const waiting = (holder: string): void => say(`waiting for the warehouse: ${holder} holds it`);
    return withLease({ socket: this.options.socket, name: 'warehouse', owner, signal, waiting }, async () => {
      const instance = await this.open(longest);
      let connection: DuckDBConnection | undefined;
      try {
        connection = await instance.connect();
        await connection.run(`SET TimeZone = 'UTC'; BEGIN TRANSACTION; ${BOOKS}`);
        const result = await work(connection);
        await connection.run('COMMIT');
        return result;
      } catch (error) {
        throw messageOf(error).startsWith('Out of Memory Error') ? this.tooLarge(error) : error;
      } finally {
        // Without a commit, closing takes everything back.
        connection?.closeSync();
        instance.closeSync();
      }
    });
  }

  private tooLarge(error: unknown): SyncError {
    return new SyncError(
      `loading needs more than the ${this.options.memoryMb} MB that it may have: raise LOAD_MEMORY_MB (${messageOf(error).split('\n')[0]})`,
    );
  }

  private async open(longest: number): Promise<DuckDBInstance> {
    try {
      return await DuckDBInstance.create(this.options.path, {
        memory_limit: `${this.options.memoryMb + Math.ceil((longest * COPIES) / 1e6)}MB`,
        // A second one saves a fifth of the time, and has buffers of its own: a third more memory.
        threads: '1',
        temp_directory: path.join(this.options.spill, 'spill'),
      });
    } catch (error) {
      throw new SyncError(
        `the warehouse can't be opened: ${messageOf(error).split('\n')[0]} (a program that has it open without the lease?)`,
        true,
      );
    }
  }
}

/** What the warehouse knows of a connection, and of this job. */
export async function readPast(
  connection: DuckDBConnection,
  connectionId: string,
  loadId: string,
): Promise<Past> {
  const state = await connection.runAndReadAll(
    `SELECT state::VARCHAR, load_id, epoch(now() - updated_at)::DOUBLE FROM airbyte_internal.state WHERE connection_id = ${literal(connectionId)}`,
  );
  const [text, basedOn, age] = state.getRowsJson()[0] ?? [null, null, 0];
  const load = await connection.runAndReadAll(
    `SELECT count(*)::INTEGER, coalesce(sum(rows), 0)::DOUBLE, coalesce(sum(quarantined), 0)::DOUBLE
     FROM airbyte_internal.loads WHERE load_id = ${literal(loadId)}`,
  );
  const [loads, rows, quarantined] = load.getRowsJson()[0].map(Number);
  return {
    state: text === null ? [] : (JSON.parse(String(text)) as State[]),
    basedOn: basedOn as string | null,
    stateAge: Number(age),
    loaded: loads > 0 ? { rows, quarantined } : undefined,
  };
}
