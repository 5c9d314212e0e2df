import { parseUrn } from '../model/urn';

/** A column's table, and the column; undefined for anything else. */
export function columnOf(urn: string): { table: string; column: string } | undefined {
  const { type, parts } = parseUrn(urn);
  return type === 'schemaField' && parts.length === 2 ? { table: parts[0]!, column: parts[1]! } : undefined;
}

/** `dbt`, of `urn:li:dataPlatform:dbt`; the tool of a dashboard, the orchestrator of a job. */
export function platformOf(urn: string): string | undefined {
  const { type, parts } = parseUrn(urn);
  if (type === 'dataPlatform' || parts.length === 1) return undefined;
  if (type === 'dataJob' || type === 'schemaField') return platformOf(parts[0]!);
  return parts[0]!.split(':').at(-1);
}

/** Whether they are dbt's entity of a table and its warehouse's: one table to whoever looks at it, as in DataHub's own pages. */
export function areSiblings(one: string, other: string): boolean {
  const [a, b] = [parseUrn(one), parseUrn(other)];
  if (a.type !== 'dataset' || b.type !== 'dataset') return false;
  if (a.parts[1] !== b.parts[1] || a.parts[2] !== b.parts[2]) return false;
  return (platformOf(one) === 'dbt') !== (platformOf(other) === 'dbt');
}

/** Of siblings the one that has the words: dbt's. */
export const primary = (one: string, other: string): string => (platformOf(one) === 'dbt' ? one : other);

/** What dbt's own entity of a warehouse's table is called; undefined of anything else. */
export function ofDbt(urn: string): string | undefined {
  const { type, parts } = parseUrn(urn);
  if (type !== 'dataset' || platformOf(urn) === 'dbt') return undefined;
  return `urn:li:dataset:(urn:li:dataPlatform:dbt,${parts[1]},${parts[2]})`;
}
