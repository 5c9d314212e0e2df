import { DuckDBInstance } from '@duckdb/node-api';
import { type LocalSnapshot, literal } from '@stack/snapshot';
import type { Write } from '../database';
import { interruptible, type Query, stream } from '../execute';
import { STREAMED } from '../formats';
import { lockStatements, workspaceOptions } from '../sandbox/engine';
import { Session } from '../session';
import type { Settings } from '../settings';
import { SCHEMA } from './statement';

/** Schemas that a workspace has besides the snapshot's. */
export const SCHEMAS = [SCHEMA, 'temp'];

/**
 * A place for one client's temporary objects: an engine of its own that has the snapshot to read and memory to write.
 * Nobody else sees what is in it; it is gone with its client.
 */
export class Workspace {
  private constructor(
    readonly snapshot: LocalSnapshot,
    private readonly instance: DuckDBInstance,
    private readonly session: Session,
  ) {}

  /** @param memory in DuckDB's notation */
  static async open(snapshot: LocalSnapshot, memory: string, settings: Settings): Promise<Workspace> {
    const instance = await DuckDBInstance.create(':memory:', workspaceOptions(settings, memory));
    try {
      const connection = await instance.connect();
      await connection.run(`ATTACH ${literal(snapshot.path)} AS snapshot (READ_ONLY)`);
      await connection.run(`ATTACH ':memory:' AS ${SCHEMA}`);
      await connection.run(`SET search_path = 'snapshot.main'`);
      for (const sql of lockStatements()) await connection.run(sql);
      return new Workspace(snapshot, instance, new Session(connection));
    } catch (error) {
      instance.closeSync();
      throw error;
    }
  }

  /** @param sql of `readStatement` */
  run(sql: string, signal: AbortSignal): Promise<void> {
    return interruptible(this.session, signal, () => this.session.run(sql));
  }

  /** @param query one SELECT, checked */
  query(query: Query, form: 'arrow' | 'rows', write: Write): Promise<void> {
    const room = { memory: 0, dir: '', disk: '0MB', signal: query.signal };
    return stream(this.session, query, STREAMED[form], room, write);
  }

  close(): void {
    this.session.close();
    this.instance.closeSync();
  }
}
