import { DuckDBInstance } from '@duckdb/node-api';
import { RequestError } from '@stack/http-server';
import { engineOptions } from './sandbox/engine';
import { Session } from './session';
import type { Settings } from './settings';

/** Sessions for each turn: a query whose caller is slow keeps its session and lends its turn. */
const SESSIONS_A_TURN = 8;

/** DuckDB, open on one snapshot: locked, with as many sessions as queries need. */
export class Engine {
  private readonly idle: Session[] = [];
  private readonly all = new Set<Session>();

  private constructor(
    private readonly instance: DuckDBInstance,
    private readonly most: number,
  ) {}

  /** @param path the snapshot's DuckDB file */
  static async open(path: string, settings: Settings): Promise<Engine> {
    const instance = await DuckDBInstance.create(path, engineOptions(settings));
    return new Engine(instance, settings.connections * SESSIONS_A_TURN);
  }

  /** @throws RequestError 429 when too many callers are slow */
  async lend<R>(work: (session: Session) => Promise<R>): Promise<R> {
    const session = this.idle.pop() ?? (await this.own());
    try {
      return await work(session);
    } finally {
      this.idle.push(session);
    }
  }

  /** A session that is lent to nobody else. It closes with the engine. */
  async own(): Promise<Session> {
    if (this.all.size >= this.most) {
      throw new RequestError(429, 'too_many_queries', `${this.all.size} answers are being read already`, {
        remedy: 'read answers to their end, or ask for fewer at once',
        headers: { 'retry-after': '1' },
      });
    }
    const session = new Session(await this.instance.connect());
    this.all.add(session);
    return session;
  }

  close(): void {
    for (const session of this.all) session.close();
    this.instance.closeSync();
  }
}
