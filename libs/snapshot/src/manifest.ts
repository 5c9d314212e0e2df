/** The manifest of a published snapshot, as the writer puts it beside the Parquet files in the lake. */

export interface SnapshotColumn {
  name: string;
  /** The writer's type name, for example `VARCHAR`; the Parquet file has the last word. */
  type: string;
}

export interface SnapshotTable {
  name: string;
  /** Key of the Parquet file in the lake's bucket. */
  key: string;
  rows: number;
  bytes: number;
  /** Lower-case hexadecimal SHA-256 of the Parquet file. */
  sha256: string;
  columns: SnapshotColumn[];
  /** Each entry is the columns of one index that readers build; none by default. */
  index: string[][];
}

export interface Manifest {
  version: 1;
  /** Names the snapshot, sorts by time, safe as a file name: `20261123T181500Z-1a2b3c4d`. */
  id: string;
  runId: string | null;
  /** ISO 8601, UTC. */
  publishedAt: string;
  tables: SnapshotTable[];
}

/** The manifest breaks the contract between writer and readers; the message names the field. */
export class ManifestError extends Error {
  override name = 'ManifestError';
}

const SAFE_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/**
 * Reads a manifest and checks every field, because its id becomes a file name and its table names become SQL.
 *
 * @throws ManifestError
 */
export function parseManifest(json: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new ManifestError(`the manifest is no JSON: ${(error as Error).message}`);
  }
  const root = record(value, 'manifest');
  if (root.version !== 1) {
    throw new ManifestError(
      `version ${JSON.stringify(root.version)} is unknown: this reader knows version 1`,
    );
  }
  const publishedAt = text(root.publishedAt, 'publishedAt');
  if (Number.isNaN(Date.parse(publishedAt))) throw new ManifestError('publishedAt is no ISO 8601 time');
  const tables = list(root.tables, 'tables').map((table, i) => parseTable(table, `tables[${i}]`));
  const names = new Set(tables.map((table) => table.name.toLowerCase()));
  if (names.size !== tables.length) throw new ManifestError('tables: a name occurs twice');
  return {
    version: 1,
    id: matching(root.id, SAFE_ID, 'id'),
    runId: root.runId == null ? null : text(root.runId, 'runId'),
    publishedAt,
    tables,
  };
}

function parseTable(value: unknown, where: string): SnapshotTable {
  const table = record(value, where);
  const columns = list(table.columns, `${where}.columns`).map((column, i) => {
    const { name, type } = record(column, `${where}.columns[${i}]`);
    return {
      name: text(name, `${where}.columns[${i}].name`),
      type: text(type, `${where}.columns[${i}].type`),
    };
  });
  if (columns.length === 0) throw new ManifestError(`${where}.columns is empty`);
  const known = new Set(columns.map((column) => column.name));
  const index = list(table.index ?? [], `${where}.index`).map((entry, i) => {
    const names = list(entry, `${where}.index[${i}]`).map((name) => text(name, `${where}.index[${i}]`));
    const stranger = names.find((name) => !known.has(name));
    if (stranger !== undefined) throw new ManifestError(`${where}.index[${i}]: no column ${stranger}`);
    return names;
  });
  return {
    name: text(table.name, `${where}.name`),
    key: text(table.key, `${where}.key`),
    rows: count(table.rows, `${where}.rows`),
    bytes: count(table.bytes, `${where}.bytes`),
    sha256: matching(table.sha256, SHA256, `${where}.sha256`),
    columns,
    index: index.filter((names) => names.length > 0),
  };
}

function record(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new ManifestError(`${where} is no object`);
}

function list(value: unknown, where: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw new ManifestError(`${where} is no list`);
}

function text(value: unknown, where: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new ManifestError(`${where} is no text`);
}

function matching(value: unknown, pattern: RegExp, where: string): string {
  const found = text(value, where);
  if (pattern.test(found)) return found;
  throw new ManifestError(`${where} is not of the form ${pattern.source}`);
}

function count(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new ManifestError(`${where} is no count`);
}
