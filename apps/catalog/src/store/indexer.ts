import type { Database, Transaction } from '@stack/postgres/client';
import { type Json, type JsonObject, isObject } from '../model/json';
import type { Model } from '../model/model';
import { type Urn, parseUrn } from '../model/urn';
import { columns, lines } from './columns';
import { type Part, indexPart } from './index-part';
import { isPassing, pause } from './passing';

/** An aspect that has another value now. */
export interface Changed {
  urn: Urn;
  aspect: string;
  value: JsonObject;
  version: number;
  /** It had a value before. */
  existed: boolean;
}

interface Edge {
  owner: string;
  aspect: string;
  source: string;
  type: string;
  target: string;
  lineage: string | null;
}

const TRIES = 5;

/**
 * Makes what follows from aspects: edges, and what is searched. A write is answered without it, since it takes longer than the write
 * itself; who reads waits until all is made that was written before. What isn't made yet is marked in `unindexed`, by the
 * transaction of the write, so that a program that was killed makes it when it starts again.
 */
export class Indexer {
  /** Work is done one by one: a delete can't come between, and of two values the newer one wins. */
  private last: Promise<unknown> = Promise.resolve();
  private lastButOne: Promise<unknown> = this.last;
  private isBehind = false;

  constructor(
    private readonly database: Database,
    private readonly model: Model,
  ) {}

  /** Resolves when little is left to make: who writes faster than that waits here. */
  async room(): Promise<void> {
    await this.lastButOne;
  }

  /** Makes what follows from a write that is committed. @param mark its row in `unindexed` */
  add(mark: string, changed: readonly Changed[]): void {
    void this.alone(() => this.tried((transaction) => this.make(transaction, mark, changed))).catch(
      () => (this.isBehind = true),
    );
  }

  /** Does the work when all before it is done, and before all that comes after. */
  alone<R>(work: () => Promise<R>): Promise<R> {
    const done = this.last.then(work);
    this.lastButOne = this.last;
    this.last = done.catch(() => undefined);
    return done;
  }

  /**
   * Resolves when all that was written before is found.
   *
   * @throws Error when PostgreSQL can't be reached
   */
  async settled(): Promise<void> {
    await this.last;
    if (this.isBehind) await this.recover();
  }

  /** Makes all that is marked: after a start, or when it couldn't be made at its time. */
  async recover(): Promise<void> {
    await this.alone(() =>
      this.tried(async (transaction) => {
        for (;;) {
          const [marked] = await transaction.rows<{ id: string; urns: string[]; aspects: string[] }>(
            'select id, urns, aspects from unindexed order by id limit 1',
          );
          if (!marked) return;
          const found = await transaction.rows<{
            urn: string;
            aspect: string;
            value: string;
            version: number;
          }>(
            `select a.urn, a.aspect, a.value, a.version from unnest($1::text[], $2::text[]) i(urn, aspect)
             join aspects a on a.urn = i.urn and a.aspect = i.aspect`,
            [marked.urns, marked.aspects],
          );
          await this.make(
            transaction,
            marked.id,
            found.map((row) => ({
              ...row,
              urn: parseUrn(row.urn),
              value: JSON.parse(row.value) as JsonObject,
              existed: true,
            })),
          );
        }
      }),
    );
    this.isBehind = false;
  }

  private async tried(work: (transaction: Transaction) => Promise<void>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.database.transaction(work);
      } catch (error) {
        if (attempt >= TRIES || !isPassing(error)) throw error;
        await pause(attempt);
      }
    }
  }

  private async make(transaction: Transaction, mark: string, changed: readonly Changed[]): Promise<void> {
    const mine = await transaction.rows('delete from unindexed where id = $1 returning id', [mark]);
    // A program that is just being replaced made it.
    if (mine.length === 0) return;
    // What was changed again, or deleted, in the meantime is another's.
    const now = await transaction.rows<{ urn: string; aspect: string; version: number }>(
      `select a.urn, a.aspect, a.version from ${columns(2)} i(urn, aspect) join aspects a on a.urn = i.urn and a.aspect = i.aspect`,
      [lines(changed.map(({ urn }) => urn.text)), lines(changed.map(({ aspect }) => aspect))],
    );
    const versions = new Map(now.map(({ urn, aspect, version }) => [`${urn} ${aspect}`, version]));
    const current = changed.filter(
      ({ urn, aspect, version }) => versions.get(`${urn.text} ${aspect}`) === version,
    );
    // A key has edges, too: of a job to its flow.
    const keys = [...new Map(current.map(({ urn }) => [urn.text, urn])).values()].map((urn) => {
      const { name: aspect, value } = this.model.keyOf(urn);
      return { urn, aspect, value, existed: true };
    });
    const edged = [...current, ...keys].filter(
      ({ aspect }) => this.model.aspect(aspect)?.relationships.length,
    );
    await this.deleteEdges(
      transaction,
      edged.filter(({ existed }) => existed),
    );
    await this.insertEdges(
      transaction,
      edged.flatMap(({ urn, aspect, value }) => this.edgesOf(urn.text, aspect, value)),
    );
    await this.addParts(transaction, current);
  }

  private async deleteEdges(
    transaction: Transaction,
    related: readonly Pick<Changed, 'urn' | 'aspect'>[],
  ): Promise<void> {
    if (related.length === 0) return;
    await transaction.rows(
      `delete from edges e using ${columns(2)} i(owner, aspect) where e.owner = i.owner and e.aspect = i.aspect`,
      [lines(related.map(({ urn }) => urn.text)), lines(related.map(({ aspect }) => aspect))],
    );
  }

  private async insertEdges(transaction: Transaction, edges: readonly Edge[]): Promise<void> {
    if (edges.length === 0) return;
    await transaction.rows(`insert into edges select * from ${columns(6)}`, [
      lines(edges.map(({ owner }) => owner)),
      lines(edges.map(({ aspect }) => aspect)),
      lines(edges.map(({ source }) => source)),
      lines(edges.map(({ type }) => type)),
      lines(edges.map(({ target }) => target)),
      lines(edges.map(({ lineage }) => lineage ?? '')),
    ]);
  }

  /** None twice. */
  private edgesOf(owner: string, aspect: string, value: JsonObject): Edge[] {
    const edges: Edge[] = this.model
      .related(aspect, value)
      .flatMap(([{ name, lineage = null }, found]) =>
        found
          .filter(this.isUrn)
          .map((target) => ({ owner, aspect, source: owner, type: name, target, lineage })),
      );
    // Between columns: they have no aspects of their own.
    const fine = Array.isArray(value.fineGrainedLineages) ? value.fineGrainedLineages.filter(isObject) : [];
    for (const { upstreams, downstreams } of fine)
      for (const down of Array.isArray(downstreams) ? downstreams.filter(this.isUrn) : [])
        for (const up of Array.isArray(upstreams) ? upstreams.filter(this.isUrn) : [])
          edges.push({ owner, aspect, source: down, type: 'DownstreamOf', target: up, lineage: 'up' });
    return [...new Map(edges.map((edge) => [`${edge.source} ${edge.type} ${edge.target}`, edge])).values()];
  }

  /** What is none, or of no entity that DataHub has, leads nowhere: nothing could be answered of it. */
  private readonly isUrn = (one: Json): one is string => {
    try {
      return typeof one === 'string' && this.model.keyOf(parseUrn(one)) !== undefined;
    } catch {
      return false;
    }
  };

  /** What is searched of the entities, and the entities themselves: one that is written of is there. */
  async addParts(
    transaction: Transaction,
    changed: readonly { urn: Urn; aspect: string; value?: JsonObject }[],
  ): Promise<void> {
    if (changed.length === 0) return;
    const entities = new Map<string, { type: string; parts: Record<string, Part> }>();
    for (const { urn, aspect, value } of changed) {
      let found = entities.get(urn.text);
      if (!found) {
        const key = this.model.keyOf(urn);
        found = { type: urn.type, parts: { [key.name]: indexPart(this.model, key.name, key.value) } };
        entities.set(urn.text, found);
      }
      if (value) found.parts[aspect] = indexPart(this.model, aspect, value);
    }
    const rows = [...entities].sort(([a], [b]) => (a < b ? -1 : 1));
    await transaction.rows(
      `insert into entities (urn, type, parts) select urn, type, parts::jsonb from ${columns(3)} i(urn, type, parts)
       on conflict (urn) do update set parts = entities.parts || excluded.parts
       where entities.parts || excluded.parts <> entities.parts`,
      [
        lines(rows.map(([urn]) => urn)),
        lines(rows.map(([, { type }]) => type)),
        lines(rows.map(([, { parts }]) => JSON.stringify(parts))),
      ],
    );
  }
}
