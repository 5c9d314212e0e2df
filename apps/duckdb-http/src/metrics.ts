import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { outcomeOf } from './audit';

/** What Prometheus is told; beside these, the process' own by prom-client. */
export class Metrics {
  readonly registry = new Registry();
  private readonly queries = new Counter({
    name: 'duckdb_http_queries_total',
    help: 'Queries that have ended; outcome is ok or the code of the error',
    labelNames: ['format', 'outcome'],
    registers: [this.registry],
  });
  private readonly seconds = new Histogram({
    name: 'duckdb_http_query_seconds',
    help: 'From the arrival of a query to the end of its answer',
    labelNames: ['format'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100],
    registers: [this.registry],
  });
  private readonly open = new Gauge({
    name: 'duckdb_http_queries_open',
    help: 'Queries that run or wait',
    registers: [this.registry],
  });

  /** @param snapshotAge in seconds; null before the first publish */
  constructor(snapshotAge: () => number | null) {
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: 'duckdb_http_snapshot_age_seconds',
      help: 'Since the snapshot in use was published; NaN before the first',
      registers: [this.registry],
      collect() {
        this.set(snapshotAge() ?? NaN);
      },
    });
  }

  /** Counts one query. */
  async measure<R>(format: string, work: () => Promise<R>): Promise<R> {
    const end = this.seconds.startTimer({ format });
    this.open.inc();
    let outcome = 'ok';
    try {
      return await work();
    } catch (error) {
      outcome = outcomeOf(error);
      throw error;
    } finally {
      end();
      this.open.dec();
      this.queries.inc({ format, outcome });
    }
  }
}
