import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import * as path from 'node:path';
import { type PlanContext, defineModule, stack, text } from '@stack/model';

/** Schemas of the warehouse: what is loaded, what is being made of it, what is served. */
export const SCHEMAS = ['raw', 'staging', 'marts'] as const;

export const snowflake = defineModule({
  name: 'snowflake',
  summary: "Snowflake's warehouse; on this machine DuckDB plays it",
  native: {
    outputs: { path: text`${stack.dir}/data/warehouse/warehouse.duckdb` },
    // Containers make it themselves, in the volume that they share.
    apply: (context) => (context.stack.runtime === 'docker' ? Promise.resolve() : createWarehouse(context)),
  },
  aws: {
    outputs: {
      account: 'Organisation and account, as clients write them',
      database: 'The database',
      loadingWarehouse: 'Computes for what is loaded',
      transformingWarehouse: 'Computes for dbt',
      readingWarehouse: 'Computes for who reads the marts',
      pipelineUser: "The pipeline's user, who logs in with a key",
      pipelineRole: 'Its role: loads and transforms',
      readerRole: 'Role that reads the marts and nothing else',
      pipelineKey: "ARN of the secret with the pipeline's private key, which is written by hand",
    },
    secrets: ['pipelineKey'],
  },
});

/** Makes the database file with its schemas if there is none; an existing one is the pipeline's business. */
async function createWarehouse(context: PlanContext): Promise<void> {
  const file = context.resolve(snowflake.output('path'));
  if (existsSync(file)) return;
  mkdirSync(path.dirname(file), { recursive: true });
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const temporary = `${file}.new`;
  rmSync(temporary, { force: true });
  const instance = await DuckDBInstance.create(temporary);
  const connection = await instance.connect();
  for (const schema of SCHEMAS) await connection.run(`create schema ${schema}`);
  await connection.run('checkpoint');
  connection.closeSync();
  instance.closeSync();
  renameSync(temporary, file);
}
