import { type PlanContext, type Value, defineJob, stack, text } from '@stack/model';
import { warehouse } from '@stack/warehouse';

/** Environment in which dbt finds this project and the stack's warehouse. Its artefacts are the stack's, not the checkout's. */
export const dbtEnvironment: Record<string, Value> = {
  WAREHOUSE_PATH: warehouse.output('path'),
  DBT_TARGET: 'duckdb_local',
  DBT_PROJECT_DIR: text`${stack.workspace}/transformation`,
  DBT_PROFILES_DIR: text`${stack.workspace}/transformation`,
  DBT_TARGET_PATH: text`${stack.dir}/data/transformation/target`,
  DBT_LOG_PATH: text`${stack.dir}/data/transformation/logs`,
  DBT_SEND_ANONYMOUS_USAGE_STATS: 'false',
};

export const transformation = defineJob({
  name: 'transformation',
  summary: 'dbt: staging, the star and the marts; parsed, with docs',
  env: { ...dbtEnvironment, PYTHONPATH: text`${stack.workspace}/orchestration` },
  native: { run: prepare, sources: ['../orchestration/stack_pipeline/transformation', '../uv.lock'] },
});

/** Parses the project, which finds its mistakes, and writes its docs; opens no warehouse, so it needs no lease. */
async function prepare(context: PlanContext): Promise<void> {
  context.progress('dbt parses the project and writes its docs');
  await context.run(context.executable('python'), ['-m', 'stack_pipeline.transformation.prepare'], {
    env: context.env,
    what: 'dbt',
  });
}
