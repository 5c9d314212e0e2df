import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Database, Transaction } from '@stack/postgres/client';
import type { Model } from '../model/model';
import { parseUrn } from '../model/urn';

/** Bytes of values that are read at once; one that is larger is read alone. */
const AT_ONCE = 1_048_576;
/** Rows whose sizes are looked at in one go. */
const ROWS = 1_000;
/** Milliseconds that a reader may take nothing, before it loses its transaction. */
const PATIENCE = 60_000;

interface Row {
  urn: string;
  aspect: string;
  value: string;
  system: string;
}

/** All that is known now, as DataHub's `file` source reads it: a JSON list of proposals. */
export class Export {
  constructor(
    private readonly database: Database,
    private readonly model: Model,
  ) {}

  /**
   * Writes the list, of one moment, as fast as it is taken. Versions that were aren't in it, nor who wrote when.
   *
   * @throws Error when the reader goes, or takes nothing for a minute
   */
  async to(out: Writable): Promise<void> {
    const gone = new AbortController();
    out.once('close', () => gone.abort(new Error('its reader went')));
    let separator = '[\n';
    const write = async (rows: readonly Row[]): Promise<void> => {
      for (const row of rows) {
        gone.signal.throwIfAborted();
        const isTaken = out.write(separator + proposalOf(row));
        separator = ',\n';
        if (!isTaken)
          await once(out, 'drain', { signal: AbortSignal.any([gone.signal, AbortSignal.timeout(PATIENCE)]) });
      }
    };
    await this.database.transaction(async (transaction) => {
      await transaction.rows('set transaction isolation level repeatable read, read only');
      await this.bare(transaction, write);
      await this.table(transaction, 'aspects', 'urn, aspect', write);
      await this.table(transaction, 'events', 'urn, aspect, at, id', write);
    });
    out.end(separator === '[\n' ? '[]\n' : '\n]\n');
  }

  /** Entities that are there and have nothing else: their keys. */
  private async bare(
    transaction: Transaction,
    write: (rows: readonly Row[]) => Promise<void>,
  ): Promise<void> {
    await transaction.rows(
      `declare bare no scroll cursor for select urn from entities e
       where not exists (select from aspects a where a.urn = e.urn) and not exists (select from events v where v.urn = e.urn) order by urn`,
    );
    for (;;) {
      const found = await transaction.rows<{ urn: string }>(`fetch ${ROWS} from bare`);
      await write(
        found.map(({ urn }) => {
          const { name, value } = this.model.keyOf(parseUrn(urn));
          return { urn, aspect: name, value: JSON.stringify(value), system: '{}' };
        }),
      );
      if (found.length < ROWS) return;
    }
  }

  /** Sizes first, which are known without reading the values: what is read at once stays small. */
  private async table(
    transaction: Transaction,
    name: 'aspects' | 'events',
    order: string,
    write: (rows: readonly Row[]) => Promise<void>,
  ): Promise<void> {
    await transaction.rows(
      `declare ${name} no scroll cursor for select ctid, octet_length(value) as size from ${name} order by ${order}`,
    );
    for (;;) {
      const found = await transaction.rows<{ ctid: string; size: number }>(`fetch ${ROWS} from ${name}`);
      for (let from = 0; from < found.length;) {
        let [to, bytes] = [from, 0];
        while (to < found.length && (to === from || bytes + found[to]!.size <= AT_ONCE))
          bytes += found[to++]!.size;
        const some = found.slice(from, to).map(({ ctid }) => ctid);
        await write(
          await transaction.rows<Row>(
            `select urn, aspect, value, system from ${name} where ctid = any($1::tid[]) order by ${order}`,
            [some],
          ),
        );
        from = to;
      }
      if (found.length < ROWS) return;
    }
  }
}

/** Values are JSON already. */
function proposalOf({ urn, aspect, value, system }: Row): string {
  // The client takes an empty `json` for none.
  const content =
    value === '{}' ? '{"value": "{}", "contentType": "application/json"}' : `{"json": ${value}}`;
  const { type } = parseUrn(urn);
  const of = `"entityType": ${JSON.stringify(type)}, "entityUrn": ${JSON.stringify(urn)}, "changeType": "UPSERT"`;
  const from = system === '{}' ? '' : `, "systemMetadata": ${system}`;
  return `{${of}, "aspectName": ${JSON.stringify(aspect)}, "aspect": ${content}${from}}`;
}
