import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DECIMAL,
  type DuckDBDataChunk,
  DuckDBInstance,
  type DuckDBType,
  DuckDBTypeId,
  VARCHAR,
} from '@duckdb/node-api';
import { identifier, literal } from '@stack/snapshot';
import type { Column, Format, Room } from './format';
import { castColumn, mapType } from './map-type';

/** What Parquet, as DuckDB writes it, would lose something of. */
const AS_TEXT: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.INTERVAL,
  DuckDBTypeId.BIT,
  DuckDBTypeId.UNION,
  DuckDBTypeId.BIGNUM,
  DuckDBTypeId.UHUGEINT,
  DuckDBTypeId.TIME_TZ,
]);

/** Bytes of rows and of a row group that its writer holds in memory; the rest lies in the folder. */
const MEMORY = '128MB';

/**
 * A Parquet file. The engine of the queries may write no file, so another one does: it is made for one answer, sees no
 * SQL but its own, and only the rows. Parquet ends with its index, so the file goes out when it is whole.
 */
export const parquet: Format = {
  mediaType: 'application/vnd.apache.parquet',
  encoder: async (columns, room) => ({
    select: columns.map(({ type }, i) => castColumn(i, type, fileType(type))).join(', '),
    async *encode(chunks) {
      await mkdir(room.dir, { recursive: true });
      const dir = await mkdtemp(join(room.dir, 'parquet-'));
      try {
        const path = join(dir, 'answer.parquet');
        await write(path, dir, columns, chunks, room);
        yield* createReadStream(path, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>;
      } finally {
        await rm(dir, { recursive: true, force: true });
      }
    },
  }),
};

async function write(
  path: string,
  dir: string,
  columns: readonly Column[],
  chunks: AsyncIterable<DuckDBDataChunk>,
  { disk, signal }: Room,
): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '1',
    memory_limit: MEMORY,
    temp_directory: dir,
    max_temp_directory_size: disk,
    autoload_known_extensions: 'false',
    autoinstall_known_extensions: 'false',
    errors_as_json: 'true',
  });
  const connection = await instance.connect();
  const stop = (): void => connection.interrupt();
  signal.addEventListener('abort', stop);
  try {
    const fields = columns.map(({ name, type }) => `${identifier(name)} ${String(fileType(type))}`);
    await connection.run(`CREATE TABLE answer (${fields.join(', ')})`);
    const appender = await connection.createAppender('answer');
    for await (const chunk of chunks) appender.appendDataChunk(chunk);
    appender.closeSync();
    await connection.run(`COPY answer TO ${literal(path)} (FORMAT parquet, COMPRESSION zstd)`);
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', stop);
    connection.closeSync();
    instance.closeSync();
  }
}

function fileType(type: DuckDBType): DuckDBType {
  return mapType(type, (plain) => {
    if (plain.typeId === DuckDBTypeId.HUGEINT) return DECIMAL(38, 0);
    return AS_TEXT.has(plain.typeId) ? VARCHAR : plain;
  });
}
