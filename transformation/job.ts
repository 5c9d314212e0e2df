import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { type PlanContext, type Value, defineJob, stack, text } from '@stack/model';
import { snowflake } from '@stack/snowflake';

/** Where Snowflake is and who asks, as the profile's target snowflake_prod reads it; secrets are files. */
const SNOWFLAKE = [
  'SNOWFLAKE_ACCOUNT',
  'SNOWFLAKE_USER',
  'SNOWFLAKE_ROLE',
  'SNOWFLAKE_WAREHOUSE',
  'SNOWFLAKE_DATABASE',
  'SNOWFLAKE_PRIVATE_KEY_PATH',
  'SNOWFLAKE_PASSWORD_FILE',
  'SNOWFLAKE_HOST',
  'SNOWFLAKE_PORT',
  'SNOWFLAKE_PROTOCOL',
];

const PARTS = ['dbt_project.yml', 'profiles.yml', 'packages.yml', 'models', 'macros', 'seeds', 'snapshots', 'tests'];

/**
 * Environment in which dbt finds its project and the stack's warehouse. Its artefacts are the stack's, not the checkout's.
 *
 * Of the caller's environment: DBT_PROJECT, a dbt project of the user's own, relative to where the user stands; DBT_TARGET, and
 * for snowflake_prod SNOWFLAKE_*. They count as long as they are set, as ports do.
 *
 * @example DBT_PROJECT=../shop make deploy-local
 */
export function dbtEnvironmentFrom(env: NodeJS.ProcessEnv): Record<string, Value> {
  const project = ownProject(env);
  const target = env.DBT_TARGET || 'duckdb_local';
  const targetPath = text`${stack.dir}/data/transformation/target`;
  return {
    WAREHOUSE_PATH: snowflake.output('path'),
    DBT_TARGET: target,
    DBT_PROJECT_DIR: project ?? text`${stack.workspace}/transformation`,
    // another project's profile is written there, see orchestration/stack_pipeline/transformation/profile.py
    DBT_PROFILES_DIR: project ? text`${targetPath}/profiles` : text`${stack.workspace}/transformation`,
    DBT_TARGET_PATH: targetPath,
    DBT_LOG_PATH: text`${stack.dir}/data/transformation/logs`,
    DBT_SEND_ANONYMOUS_USAGE_STATS: 'false',
    WAREHOUSE_MEMORY: env.WAREHOUSE_MEMORY ?? '',
    DBT_PACKAGES: existsSync(path.join(project ?? __dirname, 'dbt_packages', 'dbt_utils')) ? 'true' : '',
    ...(target === 'snowflake_prod' && snowflakeLogin(env)),
  };
}

/** A folder that the user names in a variable, relative to where the user stands; undefined when it isn't set. */
export function userFolder(env: NodeJS.ProcessEnv, variable: string): string | undefined {
  const folder = env[variable];
  // npx and npm tell where the user stands; make stands in the workspace
  return folder ? path.resolve(env.INIT_CWD || process.cwd(), folder) : undefined;
}

const ownProject = (env: NodeJS.ProcessEnv): string | undefined => userFolder(env, 'DBT_PROJECT');

function snowflakeLogin(env: NodeJS.ProcessEnv): Record<string, Value> {
  const set = SNOWFLAKE.flatMap((name) => (env[name] ? [[name, env[name]] as const] : []));
  return {
    SNOWFLAKE_PASSWORD_FILE: text`${stack.dir}/secrets/transformation/snowflake_password`,
    ...Object.fromEntries(set),
  };
}

export const dbtEnvironment = dbtEnvironmentFrom(process.env);

const SEEN_AT = '/dbt-project';

/** In a container: a project of the user's own is a folder of this machine that it sees. */
export function dbtInContainer(env: NodeJS.ProcessEnv): {
  readonly env: Record<string, Value>;
  readonly folders: Record<string, Value>;
} {
  const project = ownProject(env);
  return project
    ? { env: { DBT_PROJECT_DIR: SEEN_AT }, folders: { [SEEN_AT]: project } }
    : { env: {}, folders: {} };
}

/** What differs in production: dbt builds in Snowflake, with the key that the secret store has. */
export const dbtInAws: Record<string, Value> = {
  DBT_TARGET: 'snowflake_prod',
  SNOWFLAKE_ACCOUNT: snowflake.output('account'),
  SNOWFLAKE_USER: snowflake.output('pipelineUser'),
  SNOWFLAKE_ROLE: snowflake.output('pipelineRole'),
  SNOWFLAKE_WAREHOUSE: snowflake.output('transformingWarehouse'),
  SNOWFLAKE_DATABASE: snowflake.output('database'),
  SNOWFLAKE_PRIVATE_KEY: snowflake.output('pipelineKey'),
};

const own = ownProject(process.env);

export const transformation = defineJob({
  name: 'transformation',
  summary: 'dbt: staging, the star and the marts; parsed, with docs',
  env: { ...dbtEnvironment, PYTHONPATH: text`${stack.workspace}/orchestration` },
  mcp: { env: { TARGET: dbtEnvironment.DBT_TARGET_PATH } },
  native: {
    run: prepare,
    sources: [
      '../orchestration/stack_pipeline/transformation',
      '../uv.lock',
      ...(own ? PARTS.map((part) => path.relative(__dirname, path.join(own, part))) : []),
    ],
  },
});

/** Parses the project, which finds its mistakes, and writes its docs; opens no warehouse, so it needs no lease. */
async function prepare(context: PlanContext): Promise<void> {
  context.progress('dbt parses the project and writes its docs');
  await context.run(context.executable('python'), ['-m', 'stack_pipeline.transformation.prepare'], {
    env: context.env,
    what: 'dbt',
  });
}
