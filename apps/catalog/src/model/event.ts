import type { JsonObject } from './json';

/** One of several entities' timeseries aspects: a run, a result, a day's usage. */
export interface EntityEvent {
  urn: string;
  /** Milliseconds since 1970. */
  at: number;
  value: JsonObject;
}
